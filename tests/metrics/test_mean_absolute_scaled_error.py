"""MASE against its definition in plain Python and scikit-learn's mean absolute error."""

import keras
import numpy as np
import pytest
from sklearn.metrics import mean_absolute_error

from kerazoo.errors import ConfigError, DataError
from kerazoo.metrics import MeanAbsoluteScaledError


@pytest.mark.parametrize("steps", [(), (6,)])
def test_is_the_mean_absolute_error_over_the_scale(steps):
    rng = np.random.default_rng(0)
    target, forecast = rng.normal(size=(2, 30, *steps)).astype("float32")
    weights = rng.choice([0.0, 1.0, 2.5], 30).astype("float32")
    metric, weighted = MeanAbsoluteScaledError(scale=0.7), MeanAbsoluteScaledError(scale=0.7)
    for start, stop in ((0, 1), (1, 12), (12, 30)):
        rows = slice(start, stop)
        metric.update_state(target[rows], forecast[rows])
        weighted.update_state(target[rows], forecast[rows], weights[rows])
    expected = mean_absolute_error(target, forecast) / 0.7
    assert float(metric.result()) == pytest.approx(expected, rel=1e-5)
    expected = mean_absolute_error(target, forecast, sample_weight=weights) / 0.7
    assert float(weighted.result()) == pytest.approx(expected, rel=1e-5)


def test_the_seasonal_naive_forecast_of_the_training_series_has_1():
    series = np.random.default_rng(1).normal(20, 3, 120).cumsum()
    last_year, this_year = series[:-12], series[12:]
    scale = sum(abs(a - b) for a, b in zip(last_year, this_year, strict=True)) / 108
    metric = MeanAbsoluteScaledError(scale)
    metric.update_state(this_year, last_year)
    assert float(metric.result()) == pytest.approx(1.0, rel=1e-4)


def test_one_of_the_quantiles_is_the_forecast():
    rng = np.random.default_rng(2)
    target, forecast = rng.normal(size=(10, 4)), rng.normal(size=(10, 4, 3))
    metric = MeanAbsoluteScaledError(scale=1.0, quantile=1)
    metric.update_state(target, forecast)
    expected = mean_absolute_error(target, forecast[..., 1])
    assert float(metric.result()) == pytest.approx(expected, rel=1e-5)


def test_before_any_data_it_is_0_and_its_config_has_every_argument():
    metric = MeanAbsoluteScaledError(2.0, quantile=1, name="mase")
    assert float(metric.result()) == 0.0
    again = keras.metrics.deserialize(keras.metrics.serialize(metric))
    assert again.get_config() == metric.get_config()


def test_what_does_not_fit_is_one_line():
    with pytest.raises(ConfigError, match="`scale`.*above 0"):
        MeanAbsoluteScaledError(0.0)
    with pytest.raises(ConfigError, match="`quantile`"):
        MeanAbsoluteScaledError(1.0, quantile=-1)
    with pytest.raises(DataError, match="as many forecasts as values"):
        MeanAbsoluteScaledError(1.0).update_state(np.zeros((3, 4)), np.zeros((3, 4, 3)))
    with pytest.raises(DataError, match="as many forecasts as values"):
        MeanAbsoluteScaledError(1.0).update_state(np.zeros((3, 1)), np.zeros((3, 4)))
    with pytest.raises(DataError, match="no quantile 3"):
        MeanAbsoluteScaledError(1.0, quantile=3).update_state(np.zeros(3), np.zeros((3, 3)))
