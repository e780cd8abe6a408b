"""Angles that tell positions apart: a fast one for the first features, ever slower ones after."""

from __future__ import annotations

import numpy as np
from keras import ops

from kerazoo.errors import DataError


def pair_frequencies(features: int, base: float) -> np.ndarray:
    """base ** (-2 i / features) for the pairs i = 0, 1, ... of `features`, in radians a step."""
    return (base ** (-np.arange(0, features, 2) / features)).astype("float32")


def position_angles(length, offset, frequencies):
    """(offset + t) * frequency, for t from 0 to below `length`.

    Args:
        length: integer, or a tensor of one.
        offset: integers, one or `(batch,)`.
        frequencies: float32, `(n,)`.

    Returns: radians, float32 whatever the policy, as half precision counts to 2048 and no further:
    `(length, n)`, or `(batch, length, n)` where each sample has an offset.

    Raises: DataError if `offset` has more axes than that.
    """
    offset = ops.convert_to_tensor(offset)
    if len(offset.shape) > 1:
        raise DataError(
            f"`offset` must be one integer, or one for each sample: (batch,). "
            f"Received: offset.shape={tuple(offset.shape)}."
        )
    steps = ops.arange(length, dtype="float32")
    positions = ops.expand_dims(ops.cast(offset, "float32"), -1) + steps
    return ops.expand_dims(positions, -1) * frequencies
