"""How much two class distributions differ: the mean of both Kullback-Leibler divergences."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from kerazoo.training.steps._probabilities import log_probabilities


class SymmetricDivergence(keras.losses.Loss):
    """(KL(p || q) + KL(q || p)) / 2 = sum over classes of (p - q) (log p - log q) / 2, in nats."""

    def __init__(self, from_logits: bool):
        super().__init__(dtype="float32")
        self.from_logits = from_logits

    def call(self, y_true: Any, y_pred: Any) -> Any:
        log_p = log_probabilities(y_true, self.from_logits)
        log_q = log_probabilities(y_pred, self.from_logits)
        return ops.sum((ops.exp(log_p) - ops.exp(log_q)) * (log_p - log_q), axis=-1) / 2
