"""`Arrays`: samples as one array, or as several by name that are as long as each other.

A name may stand for several arrays by name again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from kerazoo.errors import DataError

if TYPE_CHECKING:
    import numpy as np

Arrays: TypeAlias = "np.ndarray | dict[str, Arrays]"
"""`(samples, ...)`, or name -> such an array, for models with several inputs or outputs."""


def as_arrays(given: Any) -> Arrays:
    """NumPy arrays of what may be lists or tensors.

    Raises:
        DataError: named arrays that differ in length, or none; one value instead of samples; lists
            that are not as long as each other.
    """
    import numpy as np

    if not isinstance(given, Mapping):
        try:
            array = np.asarray(given)
        except ValueError as error:  # NumPy's text names dimensions of what it has read so far
            raise DataError(
                f"Samples must have one shape, to make an array. Received: a "
                f"{type(given).__name__} whose parts differ in length. Pad them."
            ) from error
        if not array.ndim:
            raise DataError(
                f"Samples come as an array or a list. Received: one {type(given).__name__}."
            )
        return array
    named = {name: as_arrays(values) for name, values in given.items()}
    lengths = {name: count(values) for name, values in named.items()}
    if len(set(lengths.values())) != 1:
        raise DataError(f"Named arrays must be as long as each other. Received: {lengths}.")
    return named


def each(arrays: Arrays) -> list[np.ndarray]:
    """The arrays in the order of their names."""
    if isinstance(arrays, dict):
        return [array for name in sorted(arrays) for array in each(arrays[name])]
    return [arrays]


def count(arrays: Arrays) -> int:
    """How many samples there are.

    >>> import numpy as np
    >>> count({"user": np.zeros(3), "item": np.zeros(3)})
    3
    """
    return len(each(arrays)[0])


def rows(arrays: Arrays, which: Any) -> Arrays:
    """Some of the samples: `which` is what an array may be indexed with, a slice or row numbers."""
    if isinstance(arrays, dict):
        return {name: rows(values, which) for name, values in arrays.items()}
    return arrays[which]


def is_one_of(shape: tuple[int, ...] | None, open_shape: tuple[int | None, ...]) -> bool:
    """Whether a shape is one that another, with None for any size, stands for.

    >>> is_one_of((8, 8, 3), (None, None, 3)), is_one_of((8, 8, 3), (8, 8, 1)), is_one_of(None, ())
    (True, False, False)
    """
    return (
        shape is not None
        and len(shape) == len(open_shape)
        and all(size in (None, own) for size, own in zip(open_shape, shape, strict=True))
    )


def shape(arrays: Arrays) -> tuple[int, ...] | None:
    """Of one array; None where there are several by name."""
    return None if isinstance(arrays, dict) else arrays.shape


def sample_shape(arrays: Arrays) -> Any:
    """The shape of one sample, a tuple, by name where arrays have names."""
    if isinstance(arrays, dict):
        return {name: sample_shape(values) for name, values in arrays.items()}
    return arrays.shape[1:]
