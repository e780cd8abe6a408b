"""Losses that leave elements out are means over what counts in the global batch.

Keras divides such a loss (a layer's mask, `ignore_class`) by the number of elements that count. On
replicas, each of which has its own number, the words of a sentence that happens to lie among short
ones would weigh more than others. keras/src/losses/loss.py, Keras 3.15.1: `apply_mask`.
"""

from __future__ import annotations

from typing import Any

from kerazoo.global_batch import is_counting, share_of

_MARK = "_kerazoo_counts_over_replicas"


def count_over_replicas() -> None:
    """Make Keras do so; once is enough. Outside of steps on parts of a batch it does as before."""
    from keras import backend, ops
    from keras.src.losses import loss as keras_losses

    keras_applies = keras_losses.apply_mask
    if hasattr(keras_applies, _MARK):
        return

    def apply_mask(sample_weight: Any, mask: Any, dtype: Any, reduction: Any) -> Any:
        weights = keras_applies(sample_weight, mask, dtype, reduction)
        if mask is None or reduction not in ("mean", "sum_over_batch_size") or not is_counting():
            return weights
        exact = backend.result_type(weights.dtype, "float32")  # in float16 nothing counts to 2049
        count = ops.sum(ops.cast(mask, exact))
        return weights * ops.cast(ops.divide_no_nan(count, share_of(count)), weights.dtype)

    setattr(apply_mask, _MARK, True)
    keras_losses.apply_mask = apply_mask
