"""The mean over samples, with sample weights and masks counted as Keras's own losses do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

from kerazoo.distill._replicas import replicas_in_sync


def sample_mean(
    divergence: Callable[[Any, Any], Any], teacher: Any, student: Any, sample_weight: Any
) -> Any:
    """sum(weight * divergence) / number of values; values that the student masks are left out.

    Args:
        divergence: from teacher's and student's outputs, float32, to one value per sample (or
            position). It must be finite for masked ones too.
        sample_weight: of the values' shape, or None for 1 each.
    """
    # Keras gives a replica's share of the global mean; losses here are means over the replica.
    return replicas_in_sync() * _SampleMean(divergence)(teacher, student, sample_weight)


class _SampleMean(keras.losses.Loss):
    """Of Keras's losses, since the mask of a tensor is reached through them only."""

    def __init__(self, divergence: Callable[[Any, Any], Any]):
        super().__init__(name="sample_mean", dtype="float32")
        self._divergence = divergence

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return self._divergence(y_true, y_pred)
