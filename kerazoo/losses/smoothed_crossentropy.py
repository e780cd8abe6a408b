"""Crossentropy with smoothed labels, of class numbers of which one is ignored."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops
from keras.src.backend import set_keras_mask  # how Keras's own losses leave classes out

from kerazoo.argument_checks import check_integer, check_number
from kerazoo.errors import DataError


@keras.saving.register_keras_serializable(package="kerazoo")
class SmoothedCrossentropy(keras.losses.Loss):
    """(1 - s) * -log p_y + s * mean over classes c of -log p_c, p = softmax(logits), s = smoothing.

    `keras.losses.CategoricalCrossentropy(label_smoothing=s)` for class numbers, without a row of
    zeros and a one for each. What is labelled `ignore_class` does not count: the mean is over the
    others, and 0 where there are none. PyTorch's `cross_entropy(label_smoothing, ignore_index)`.

    Shapes: `y_true` `(batch, ...)`, class numbers 0 to classes - 1; `y_pred`
    `(batch, ..., classes)`, logits. The loss is in nats.

    Source: Szegedy et al. 2016, arXiv:1512.00567, section 7.

    Args:
        smoothing: 0 to below 1.
        ignore_class: 0 or more, such as the number of a padding; None: all count.
        name, reduction, dtype: as for every Keras loss.

    Raises: ConfigError for arguments out of range; DataError in `call` for shapes that do not fit.

    >>> loss = kerazoo.losses.SmoothedCrossentropy(smoothing=0.1, ignore_class=0)
    >>> round(float(loss([[1, 0]], [[[0.0, 2.0], [5.0, 5.0]]])), 4)  # of the first alone
    0.2269
    """

    def __init__(
        self,
        smoothing: float = 0.1,
        ignore_class: int | None = None,
        name: str = "smoothed_crossentropy",
        reduction: str = "sum_over_batch_size",
        dtype: Any = None,
    ):
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.smoothing = check_number("smoothing", smoothing, least=0, below=1)
        if ignore_class is not None:
            ignore_class = check_integer("ignore_class", ignore_class, least=0)
        self.ignore_class = ignore_class

    def call(self, y_true: Any, y_pred: Any) -> Any:
        y_true, y_pred = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
        shapes = tuple(y_true.shape), tuple(y_pred.shape)
        if len(shapes[1]) != len(shapes[0]) + 1:
            raise DataError(
                f"Loss {self.name!r} takes y_true (batch, ...) and y_pred (batch, ..., classes). "
                f"Received: {shapes[0]} and {shapes[1]}."
            )
        y_true = ops.cast(y_true, "int32")
        counts = None
        if self.ignore_class is not None:
            counts = ops.not_equal(y_true, self.ignore_class)
            y_true = ops.where(counts, y_true, 0)  # what is ignored need not be a class
        losses = ops.sparse_categorical_crossentropy(y_true, y_pred, from_logits=True)
        if self.smoothing:
            own = ops.take_along_axis(y_pred, ops.expand_dims(y_true, -1), axis=-1)[..., 0]
            losses = losses + self.smoothing * (own - ops.mean(y_pred, axis=-1))
        if counts is not None:
            losses = ops.where(counts, losses, 0.0)
            set_keras_mask(losses, counts)
        return losses

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "dtype": self.dtype,
            "smoothing": self.smoothing,
            "ignore_class": self.ignore_class,
        }
