"""The share of steps of a sequence whose likeliest class is the right one."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from kerazoo.argument_checks import check_integer
from kerazoo.errors import DataError
from kerazoo.metrics._compensated_sum import add_to, value_of
from kerazoo.metrics._sample_weights import spread_weights, without_masked
from kerazoo.metrics._shapes import agree, check_is_batch, without_last_one


@keras.saving.register_keras_serializable(package="kerazoo")
class TokenAccuracy(keras.metrics.Metric):
    """Mean of argmax(y_pred) = y_true over all that is not labelled `ignore_class`.

    Source: `keras.metrics.SparseCategoricalAccuracy`, which counts all; changed: `ignore_class`.

    `y_true`: class numbers, `(batch, ...)` or `(batch, ..., 1)`; `y_pred`: scores,
    `(batch, ..., classes)`; `sample_weight`: one for each label, or for each sample. Predictions
    that a Keras mask hides are left out. A fraction, 0 where nothing counts.

    Args:
        ignore_class: 0 or more, such as the number of a padding; None: all count.
        name, dtype: as for every Keras metric.

    Raises: ConfigError if `ignore_class` is out of its range; DataError for labels or weights that
    do not fit.

    >>> metric = kerazoo.metrics.TokenAccuracy(ignore_class=0)
    >>> metric.update_state([[2, 1, 0]], [[[0, 0, 1], [0, 0, 1], [0, 0, 1]]])
    >>> float(metric.result())
    0.5
    """

    def __init__(
        self,
        ignore_class: int | None = None,
        name: str = "token_accuracy",
        dtype: Any = None,
    ):
        super().__init__(name=name, dtype=dtype)
        if ignore_class is not None:
            ignore_class = check_integer("ignore_class", ignore_class, least=0)
        self.ignore_class = ignore_class
        self._direction = "up"  # what mode="auto" of Keras's callbacks asks for
        self.sums = self.add_variable((2, 2), "zeros", dtype="float32", name="sums")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        check_is_batch("y_pred", tuple(ops.convert_to_tensor(y_pred).shape))
        likeliest = ops.cast(ops.argmax(y_pred, axis=-1), "int32")
        y_true = ops.cast(ops.convert_to_tensor(y_true), "int32")
        shape = tuple(y_true.shape)
        labels = without_last_one(shape, axes=len(likeliest.shape))
        if not agree(labels, tuple(likeliest.shape)):
            raise DataError(
                f"`y_true` must be a class number for each of `y_pred`'s steps, "
                f"{tuple(likeliest.shape)}. Received: shape {shape}."
            )
        if labels != shape:
            y_true = ops.squeeze(y_true, -1)
        is_right = ops.cast(ops.equal(likeliest, y_true), "float32")
        weights = without_masked(spread_weights(sample_weight, is_right), y_pred)
        if self.ignore_class is not None:
            weights = ops.where(ops.equal(y_true, self.ignore_class), 0.0, weights)
        add_to(self.sums, ops.stack([ops.sum(weights * is_right), ops.sum(weights)]))

    def result(self) -> Any:
        right, weight = ops.unstack(value_of(self.sums), axis=0)
        return ops.cast(ops.divide_no_nan(right, weight), self.dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "ignore_class": self.ignore_class}
