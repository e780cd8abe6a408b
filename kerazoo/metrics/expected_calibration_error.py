"""Expected calibration error (Naeini, Cooper, Hauskrecht 2015; Guo, Pleiss, Sun, Weinberger 2017).

Guo et al., "On calibration of modern neural networks", arXiv:1706.04599, equation 3.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from kerazoo.argument_checks import check_integer
from kerazoo.errors import unknown_name
from kerazoo.metrics._class_probabilities import flat_predictions
from kerazoo.metrics._compensated_sum import add_to, value_of

NORMS = ("l1", "l2", "max")


@keras.saving.register_keras_serializable(package="kerazoo")
class ExpectedCalibrationError(keras.metrics.Metric):
    r"""How far confidence is from accuracy, over bins of equal width; 0 is perfect, 1 the worst.

    With `w_b` the share of the weight in bin b, `acc_b` and `conf_b` its means:

    - `norm="l1"`: sum over b of `w_b * |acc_b - conf_b|`, the expected calibration error;
    - `norm="l2"`: the square root of sum over b of `w_b * (acc_b - conf_b) ** 2`;
    - `norm="max"`: the largest `|acc_b - conf_b|` of the bins that hold a sample.

    Several classes: confidence is the largest probability, and a sample is accurate if the class
    that has it is true (equal ones: the first). Two classes, one probability: confidence is the
    probability of class 1 and "accuracy" the label, so a confident no counts as one near 0;
    labels between 0 and 1 count as they are.

    Bin b of B holds confidences in ((b - 1) / B, b / B], the first one also 0, as in the paper.
    torchmetrics closes bins below and gives 1.0 a bin of its own: equal but for confidences that
    lie on an edge. State: three sums a bin. 0.0 before any data.

    Shapes: `y_true` integers `(batch, ...)` or one-hot like `y_pred`; `y_pred` `(batch,)`,
    `(batch, ..., 1)` or `(batch, ..., classes)`; `sample_weight` `(batch,)` or `(batch, ...)`.
    Predictions that a Keras mask hides are left out.

    Args:
        bins: 1 or more; 15 in the paper.
        norm: "l1", "l2" or "max".
        from_logits: True if `y_pred` is what goes into the sigmoid or softmax.
        name, dtype: as for every Keras metric.

    Raises: ConfigError for `bins` below 1, UnknownNameError for another `norm`; `update_state`
        raises DataError for shapes that do not fit.

    >>> metric = kerazoo.metrics.ExpectedCalibrationError(bins=10)
    >>> metric.update_state([1, 0, 1, 1], [0.95, 0.85, 0.85, 0.35])
    >>> round(float(metric.result()), 4)  # (0.05 + |1 - 1.7| + 0.65) / 4
    0.35
    """

    def __init__(
        self,
        bins: int = 15,
        norm: str = "l1",
        from_logits: bool = False,
        name: str = "expected_calibration_error",
        dtype: Any = None,
    ):
        super().__init__(name=name, dtype=dtype)
        if norm not in NORMS:
            raise unknown_name("norm", norm, NORMS)
        self.bins = check_integer("bins", bins)
        self.norm, self.from_logits = norm, from_logits
        self._direction = "down"  # what mode="auto" of Keras's callbacks asks for
        self.sums = self.add_variable((2, self.bins, 3), "zeros", dtype="float32", name="sums")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        batch = flat_predictions(y_true, y_pred, sample_weight, from_logits=self.from_logits)
        if batch.binary:
            confidence, hits = batch.probabilities, batch.labels
        else:
            best = ops.cast(ops.argmax(batch.probabilities, axis=-1), "int32")
            hits = ops.equal(best, batch.labels)
            # Not `ops.max`, which refuses an empty batch.
            largest = ops.take_along_axis(batch.probabilities, ops.expand_dims(best, -1), axis=-1)
            confidence = ops.squeeze(largest, -1)
        rows = ops.stack([ops.ones_like(confidence), confidence, ops.cast(hits, "float32")])
        edges = ops.convert_to_tensor(np.arange(1, self.bins) / self.bins, "float32")
        bin_of = ops.searchsorted(edges, confidence, side="left")  # closed above, open below
        columns = ops.transpose(rows * batch.weights)
        add_to(self.sums, ops.segment_sum(columns, bin_of, num_segments=self.bins))

    def result(self) -> Any:
        weight, confidence, hits = ops.unstack(value_of(self.sums), axis=-1)
        gap = ops.abs(hits - confidence)  # weight * |acc - conf|
        if self.norm == "max":
            error = ops.max(ops.divide_no_nan(gap, weight))
        elif self.norm == "l2":
            squares = ops.sum(ops.divide_no_nan(gap * gap, weight))
            error = ops.sqrt(ops.divide_no_nan(squares, ops.sum(weight)))
        else:
            error = ops.divide_no_nan(ops.sum(gap), ops.sum(weight))
        return ops.cast(error, self.dtype)

    def get_config(self) -> dict[str, Any]:
        own = {"bins": self.bins, "norm": self.norm, "from_logits": self.from_logits}
        return {**super().get_config(), **own}
