"""Sample weights as Keras takes them, one per sample or per element, spread over the elements."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from kerazoo.errors import DataError


def spread_weights(sample_weight: Any, like: Any) -> Any:
    """One weight for each element of `like`, a float tensor: its shape and dtype.

    `sample_weight`: None for ones, or `(batch,)`, or any leading part of the shape of `like`, with
    or without axes of length 1 at the end. Raises: DataError if it does not fit.
    """
    if sample_weight is None:
        return ops.ones_like(like)
    weights = ops.cast(ops.convert_to_tensor(sample_weight), like.dtype)
    received, wanted = tuple(weights.shape), tuple(like.shape)
    while len(weights.shape) > len(wanted) and weights.shape[-1] == 1:
        weights = ops.squeeze(weights, -1)
    if len(weights.shape) > len(wanted) or not _can_spread(weights.shape, wanted):
        raise DataError(
            "`sample_weight` must have one weight for each sample, or for each element, "
            f"{wanted}. Received: shape {received}."
        )
    for _ in range(len(wanted) - len(weights.shape)):
        weights = ops.expand_dims(weights, -1)
    return weights * ops.ones_like(like)


def without_masked(weights: Any, y_pred: Any) -> Any:
    """`weights`, float32 `(batch, ...)`, but 0 where a Keras mask hides `y_pred`."""
    return _Masked("masked", reduction=None, dtype="float32")(weights, y_pred)


class _Masked(keras.losses.Loss):
    """A loss for what Keras does around it: only private functions read the mask of a tensor."""

    def call(self, y_true, y_pred):
        return y_true


def _can_spread(weights: tuple[int | None, ...], wanted: tuple[int | None, ...]) -> bool:
    """Whether each known length is 1 or the one that is wanted."""
    pairs = zip(weights, wanted, strict=False)
    return all(one in (1, None) or other in (None, one) for one, other in pairs)
