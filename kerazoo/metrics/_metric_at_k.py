"""What the metrics of the k highest-scored classes share: labels, weights, sums, averages."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import keras
import numpy as np
from keras import ops

from kerazoo.argument_checks import check_integer
from kerazoo.errors import DataError, unknown_name
from kerazoo.metrics._class_labels import ClassIds, ClassRows, check_label, class_labels
from kerazoo.metrics._compensated_sum import add_to, value_of
from kerazoo.metrics._sample_weights import spread_weights
from kerazoo.metrics._shapes import Shape, agree
from kerazoo.metrics._top_k import check_k_fits, top_k_positions

AVERAGES = ("micro", "macro", "weighted")


class MetricAtK(keras.metrics.Metric):
    """A fraction per class, of sums over samples; subclasses say which sums.

    The state holds numerators, denominators and, for "weighted", supports: of all classes together
    for "micro", else one of each per class.
    """

    def __init__(
        self, k: int, average: str | None, ignore_class: int | None, name: str, dtype: Any
    ):
        super().__init__(name=name, dtype=dtype)
        if average is not None and average not in AVERAGES:
            raise unknown_name("average", average, AVERAGES)
        self.k, self.average = check_integer("k", k), average
        self.ignore_class = check_label("ignore_class", ignore_class)
        self._direction = "up"  # what mode="auto" of Keras's callbacks asks for
        self.sums = self._add_sums(()) if average == "micro" else None

    def build(self, y_true_shape: Shape, y_pred_shape: Shape) -> None:
        """Check the shapes and make the state; the first update does it where no one has before.

        Only `stateless_update_state` needs it called, and only where `average` is not "micro".

        Raises: DataError if the shapes do not fit each other, `k` or the state.
        """
        if len(y_pred_shape) != 2 or not y_pred_shape[1]:
            raise DataError(
                "`y_pred` must be scores, (batch, classes), with a known number of classes. "
                f"Received: shape {tuple(y_pred_shape)}."
            )
        if not agree(y_true_shape[:1], y_pred_shape[:1]):
            raise DataError(
                "`y_true` and `y_pred` must have one row for each sample. Received: shapes "
                f"{tuple(y_true_shape)} and {tuple(y_pred_shape)}."
            )
        classes = y_pred_shape[1]
        check_k_fits(self.k, classes, "classes")
        if self.sums is None:
            self.sums = self._add_sums((classes,))
        elif self.average != "micro" and self.sums.shape[-1] != classes:
            raise DataError(
                f"`y_pred` must keep its number of classes. Received: {classes}, after "
                f"{self.sums.shape[-1]}. Use a metric of its own for each."
            )

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        y_true, y_pred = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
        self.build(tuple(y_true.shape), tuple(y_pred.shape))
        labels = class_labels(y_true, y_pred.shape[1])
        weights = spread_weights(sample_weight, ops.cast(y_pred[:, 0], "float32"))
        if self.ignore_class is not None:
            weights = ops.where(labels.have(self.ignore_class), 0.0, weights)
        sums = list(self._fraction(labels, top_k_positions(y_pred, self.k), weights))
        if self.average == "micro":
            sums = [ops.sum(values) for values in sums]
        elif self.average == "weighted":
            sums.append(labels.weigh(weights))
        add_to(self.sums, ops.stack(sums))

    @abstractmethod
    def _fraction(self, labels: ClassIds | ClassRows, top: Any, weights: Any) -> tuple[Any, Any]:
        """Numerators and denominators of a batch, `(classes,)`; their sums are those of "micro".

        `top`: int, `(batch, k)`; `weights`: float32, `(batch,)`, 0 for samples left out.
        """

    def result(self) -> Any:
        if self.sums is None:
            return ops.zeros((0,) if self.average is None else (), self.dtype)
        sums = value_of(self.sums)
        values = ops.divide_no_nan(sums[0], sums[1])
        if self.average == "macro":
            averaged = np.arange(values.shape[0]) != self.ignore_class
            values = ops.sum(values * averaged.astype("float32")) / max(1, averaged.sum())
        elif self.average == "weighted":
            values = ops.divide_no_nan(ops.sum(values * sums[2]), ops.sum(sums[2]))
        return ops.cast(values, self.dtype)

    def get_config(self) -> dict[str, Any]:
        own = {"k": self.k, "average": self.average, "ignore_class": self.ignore_class}
        return {**super().get_config(), **own}

    def _add_sums(self, shape: tuple[int, ...]) -> Any:
        rows = 3 if self.average == "weighted" else 2
        return self.add_variable((2, rows, *shape), "zeros", dtype="float32", name="sums")


def sum_by_class(values: Any, top: Any, classes: int) -> Any:
    """Add up, per class, what stands where it is one of the k: `(batch, k)` to `(classes,)`."""
    return ops.segment_sum(
        ops.reshape(values, (-1,)), ops.reshape(top, (-1,)), num_segments=classes
    )
