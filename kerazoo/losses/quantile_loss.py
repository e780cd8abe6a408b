"""The pinball loss: quantiles of a number's distribution (Koenker, Bassett 1978)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from kerazoo.argument_checks import check_list, check_number
from kerazoo.errors import DataError


@keras.saving.register_keras_serializable(package="kerazoo")
class QuantileLoss(keras.losses.Loss):
    """Mean over quantiles q of max(q (y - p_q), (q - 1) (y - p_q)).

    It is least where a share q of all y is below p_q: 0.5 gives the median (and half the absolute
    error), 0.1 and 0.9 together an interval that holds four values of five.

    Shapes: `y_true` `(batch, ...)`, `y_pred` `(batch, ..., quantiles)`, both in the target's unit,
    in which the loss is too.

    Source: Koenker, Bassett 1978, doi:10.2307/1913643; scikit-learn's `mean_pinball_loss`.

    Args:
        quantiles: each above 0 and below 1, in the order of the last axis of `y_pred`.
        name, reduction, dtype: as for every Keras loss.

    Raises: ConfigError for quantiles out of range or none; DataError in `call` for shapes that do
    not fit.

    >>> loss = kerazoo.losses.QuantileLoss([0.1, 0.5])
    >>> round(float(loss([[10.0]], [[[8.0, 11.0]]])), 4)  # (0.1 * 2 + 0.5 * 1) / 2
    0.35
    """

    def __init__(
        self,
        quantiles: Sequence[float] = (0.1, 0.5, 0.9),
        name: str = "quantile_loss",
        reduction: str = "sum_over_batch_size",
        dtype: Any = None,
    ):
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        quantiles = check_list("quantiles", quantiles, shortest=1)
        self.quantiles = [check_number("quantiles", q, above=0, below=1) for q in quantiles]

    def call(self, y_true: Any, y_pred: Any) -> Any:
        y_true, y_pred = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
        shapes = tuple(y_true.shape), tuple(y_pred.shape)
        fits = len(shapes[1]) == len(shapes[0]) + 1 and shapes[1][-1] == len(self.quantiles)
        sizes = zip(shapes[0], shapes[1], strict=False)
        if not fits or any(one != other and None not in (one, other) for one, other in sizes):
            raise DataError(
                f"Loss {self.name!r} takes y_true (batch, ...) and y_pred (batch, ..., "
                f"{len(self.quantiles)}). Received: {shapes[0]} and {shapes[1]}."
            )
        quantiles = ops.convert_to_tensor(self.quantiles, dtype=y_pred.dtype)
        error = ops.expand_dims(ops.cast(y_true, y_pred.dtype), -1) - y_pred
        return ops.mean(ops.maximum(quantiles * error, (quantiles - 1) * error), axis=-1)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "dtype": self.dtype, "quantiles": self.quantiles}
