"""Mean absolute scaled error of forecasts (Hyndman, Koehler 2006)."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from kerazoo.argument_checks import check_integer, check_number
from kerazoo.errors import DataError
from kerazoo.metrics._compensated_sum import add_to, value_of
from kerazoo.metrics._sample_weights import spread_weights
from kerazoo.metrics._shapes import agree


@keras.saving.register_keras_serializable(package="kerazoo")
class MeanAbsoluteScaledError(keras.metrics.Metric):
    """mean(|y_true - y_pred|) / scale; below 1 is better than the naive forecast one step ahead.

    The scale is that forecast's mean absolute error over the training series, so that errors of
    series in different units compare: mean |x_t - x_(t-m)| with m = 1, or the season's length.

    Shapes: `y_true` `(batch, steps)` or `(batch,)`; `y_pred` alike, or with quantiles as one axis
    more. `sample_weight`: `(batch,)` or for each value. 0.0 before any data.

    Source: Hyndman, Koehler 2006, doi:10.1016/j.ijforecast.2006.03.001.

    Args:
        scale: above 0, in the unit of the series.
        quantile: which place on the last axis of `y_pred` is the forecast, where it has quantiles:
            that of the median; None where it has none.
        name, dtype: as for every Keras metric.

    Raises: ConfigError for arguments out of range; `update_state` raises DataError for shapes that
    do not fit.

    >>> metric = kerazoo.metrics.MeanAbsoluteScaledError(scale=2.0)
    >>> metric.update_state([[1.0, 2.0]], [[2.0, 4.0]])
    >>> float(metric.result())  # (1 + 2) / 2 / 2
    0.75
    """

    def __init__(
        self,
        scale: float,
        quantile: int | None = None,
        name: str = "mean_absolute_scaled_error",
        dtype: Any = None,
    ):
        super().__init__(name=name, dtype=dtype)
        self.scale = check_number("scale", scale, above=0)
        self.quantile = None if quantile is None else check_integer("quantile", quantile, least=0)
        self._direction = "down"  # what mode="auto" of Keras's callbacks asks for
        self.sums = self.add_variable((2, 2), "zeros", dtype="float32", name="sums")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        y_true = ops.convert_to_tensor(y_true, dtype="float32")
        y_pred = ops.convert_to_tensor(y_pred, dtype="float32")
        if self.quantile is not None:
            quantiles = y_pred.shape[-1] if y_pred.shape else 0
            if quantiles is not None and self.quantile >= quantiles:
                raise DataError(
                    f"Metric {self.name!r}: there is no quantile {self.quantile} (from 0 on) in "
                    f"y_pred of shape {tuple(y_pred.shape)}."
                )
            y_pred = y_pred[..., self.quantile]
        if not agree(tuple(y_true.shape), tuple(y_pred.shape)):
            raise DataError(
                f"Metric {self.name!r} takes as many forecasts as values; `quantile` names the "
                f"forecast among quantiles. Received: y_true {tuple(y_true.shape)}, y_pred "
                f"{tuple(y_pred.shape)}, quantile={self.quantile}."
            )
        error = ops.abs(y_true - y_pred)
        weights = spread_weights(sample_weight, error)
        add_to(self.sums, ops.stack([ops.sum(weights * error), ops.sum(weights)]))

    def result(self) -> Any:
        total, weight = ops.unstack(value_of(self.sums), axis=0)
        return ops.cast(ops.divide_no_nan(total, weight) / self.scale, self.dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "scale": self.scale, "quantile": self.quantile}
