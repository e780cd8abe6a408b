"""Brier score (Brier 1950, "Verification of forecasts expressed in terms of probability")."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from kerazoo.metrics._class_probabilities import flat_predictions
from kerazoo.metrics._compensated_sum import add_to, value_of


@keras.saving.register_keras_serializable(package="kerazoo")
class BrierScore(keras.metrics.Metric):
    r"""Mean squared distance of the forecast probabilities from what came true; 0 is perfect.

    - Several classes, `y_pred` `(batch, ..., classes)`: the mean over samples of
      `sum over k of (p_k - [class k is true]) ** 2`, 0 to 2, as Brier wrote it.
    - Two classes, one probability, `y_pred` `(batch,)` or `(batch, ..., 1)`: the mean of
      `(p - y_true) ** 2`, 0 to 1, which is half of that.

    One probability, and three classes or more, give what `sklearn.metrics.brier_score_loss` does by
    default (`scale_by_half="auto"`), which for two columns gives half as much. 0.0 before any data.

    Shapes: `y_true` integers `(batch, ...)` or one-hot like `y_pred` (the largest counts as 1); for
    one probability also labels between 0 and 1. `sample_weight` `(batch,)` or `(batch, ...)`.
    Predictions that a Keras mask hides are left out.

    Args:
        from_logits: True if `y_pred` is what goes into the sigmoid or softmax.
        name, dtype: as for every Keras metric.

    Raises: `update_state` raises DataError for shapes that do not fit.

    >>> metric = kerazoo.metrics.BrierScore()
    >>> metric.update_state([0, 2], [[0.5, 0.25, 0.25], [0.0, 0.0, 1.0]])
    >>> float(metric.result())  # (0.25 + 0.0625 + 0.0625 + 0) / 2
    0.1875
    """

    def __init__(self, from_logits: bool = False, name: str = "brier_score", dtype: Any = None):
        super().__init__(name=name, dtype=dtype)
        self.from_logits = from_logits
        self._direction = "down"  # what mode="auto" of Keras's callbacks asks for
        self.sums = self.add_variable((2, 2), "zeros", dtype="float32", name="sums")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        batch = flat_predictions(y_true, y_pred, sample_weight, from_logits=self.from_logits)
        if batch.binary:
            distance = ops.square(batch.probabilities - batch.labels)
        else:
            classes = ops.arange(batch.probabilities.shape[-1], dtype="int32")
            true = ops.cast(ops.equal(ops.expand_dims(batch.labels, -1), classes), "float32")
            distance = ops.sum(ops.square(batch.probabilities - true), axis=-1)
        weighted = ops.stack([batch.weights * distance, batch.weights])
        add_to(self.sums, ops.sum(weighted, axis=-1))

    def result(self) -> Any:
        total, weight = ops.unstack(value_of(self.sums), axis=0)
        return ops.cast(ops.divide_no_nan(total, weight), self.dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "from_logits": self.from_logits}
