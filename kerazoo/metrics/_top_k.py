"""The k highest scores of each row, in one order on every backend: ties go to the lower position.

`keras.ops.top_k` alone does not give that. PyTorch breaks ties freely, XLA (JAX, and TensorFlow
with `jit_compile`) ranks -0.0 below 0.0, and NaN comes first here and last there.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from kerazoo.errors import DataError

_LOWEST = float(np.finfo("float32").min)


def check_k_fits(k: int, width: int, what: str) -> None:
    """Raise `DataError` if there are fewer than `k` columns of scores; `what` they stand for."""
    if k > width:
        raise DataError(
            f"`k` must not exceed the number of {what}. Received: k={k}, {width} {what} in "
            f"`y_pred`. Lower `k`."
        )


def top_k_positions(scores: Any, k: Any, valid: Any = None) -> Any:
    """Positions of the k highest scores, best first.

    Args:
        scores: any numeric dtype, `(rows, items)`, compared as float32. NaN and -inf count as the
            lowest finite float32.
        k: 1 to items.
        valid: bool, `(rows, items)`; where False, the item ranks behind all others of its row.

    Returns: int, `(rows, k)`.
    """
    scores = ops.cast(scores, "float32")
    scores = ops.where(scores > _LOWEST, scores, _LOWEST)  # False for NaN
    scores = ops.where(scores == 0, 0.0, scores)
    if valid is not None:
        scores = ops.where(valid, scores, -float("inf"))
    if keras.backend.backend() == "torch":
        scores = _without_ties(scores)
    return ops.top_k(scores, k)[1]


def _without_ties(scores: Any) -> Any:
    """int64 in the order of the scores, and where these are equal, higher for lower positions.

    The bits of a float32, read as an int32, rise with it from zero on, and fall with it below.
    (A stable argsort would do, but sorts whole rows for k items: seven times as slow for 1,000.)
    """
    bits = ops.cast(ops.view(scores, "int32"), "int64")
    ranks = ops.where(bits < 0, -(bits & 0x7FFFFFFF), bits)
    items = scores.shape[1]
    return ranks * items - ops.arange(items, dtype="int64")
