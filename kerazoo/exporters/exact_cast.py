"""Numbers in the dtype of an input, where that dtype has them."""

from __future__ import annotations

import numpy as np

from kerazoo.errors import DataError


def exact_cast(values: np.ndarray, dtype: str, *, what: str) -> np.ndarray:
    """`values` as `dtype`; where that is of integers or booleans, only if each stays what it is.

    Raises:
        DataError: begins with `what`. NumPy would make 44 of 300 for uint8, and 0 of 0.9.

    >>> exact_cast(np.array([0.0, 255.0]), "uint8", what="`pixels`")
    array([  0, 255], dtype=uint8)
    """
    with np.errstate(invalid="ignore"):  # floats beyond all integers are told below
        cast = values.astype(dtype, copy=False)
    if cast.dtype.kind not in "biu" or np.array_equal(cast, values):
        return cast
    if cast.dtype.kind == "b":
        known = "0 and 1"
    else:
        known = f"whole numbers {np.iinfo(dtype).min} to {np.iinfo(dtype).max}"
    raise DataError(
        f"{what} must hold values that {dtype} has, {known}. "
        f"Received: values from {values.min()} to {values.max()}."
    )
