"""Losses that leave elements out, or weigh them, are means over what counts in the global batch.

Keras divides such a loss (a layer's mask, `ignore_class`) by the number of elements that count, and
one with reduction="mean_with_sample_weight" by the sum of the weights. On replicas, each of which
has its own number and sum, the words of a sentence that happens to lie among short ones would weigh
more than others. keras/src/losses/loss.py, Keras 3.15.1: `apply_mask`, `reduce_values`.
"""

from __future__ import annotations

from typing import Any

from kerazoo.global_batch import is_counting, share_of

_MARK = "_kerazoo_counts_over_replicas"


def count_over_replicas() -> None:
    """Make Keras do so; once is enough. Outside of steps on parts of a batch it does as before."""
    from keras.src.losses import loss as keras_losses

    keras_applies, keras_reduces = keras_losses.apply_mask, keras_losses.reduce_values
    if hasattr(keras_applies, _MARK):
        return

    def apply_mask(sample_weight: Any, mask: Any, dtype: Any, reduction: Any) -> Any:
        weights = keras_applies(sample_weight, mask, dtype, reduction)
        if mask is None or reduction not in ("mean", "sum_over_batch_size") or not is_counting():
            return weights
        return _as_it_counts(weights, mask)

    def reduce_values(
        values: Any, sample_weight: Any = None, reduction: Any = "sum_over_batch_size"
    ) -> Any:
        loss = keras_reduces(values, sample_weight, reduction)
        is_divided = reduction == "mean_with_sample_weight" and loss is not values
        if not is_divided or sample_weight is None or not is_counting():
            return loss
        return _as_it_counts(loss, sample_weight)

    setattr(apply_mask, _MARK, True)
    keras_losses.apply_mask, keras_losses.reduce_values = apply_mask, reduce_values


def _as_it_counts(mean: Any, weights: Any) -> Any:
    """What was divided by the sum of this replica's `weights`, as a part of the global mean."""
    from keras import backend, ops

    exact = backend.result_type(mean.dtype, "float32")  # in float16 nothing counts to 2049
    total = ops.sum(ops.cast(weights, exact))
    return mean * ops.cast(ops.divide_no_nan(total, share_of(total)), mean.dtype)
