"""The forecaster: quantiles in order, units, and numbers of its recipe taken from the data."""

import keras
import numpy as np
import pytest

from kerazoo.datasets import elnino
from kerazoo.models.tcn_forecaster import tcn_forecaster
from kerazoo.zoo.catalogue import find_config


def test_quantiles_never_cross():
    model = tcn_forecaster((20, 2), horizon=5, quantiles=4, filters=4, dilation_rates=(1, 2))
    series = np.random.default_rng(0).normal(0, 50, (30, 20, 2)).astype("float32")
    forecast = model.predict(series, verbose=0)
    assert forecast.shape == (30, 5, 4)
    assert (np.diff(forecast, axis=-1) >= 0).all()
    assert (np.diff(forecast, axis=-1) > 0).mean() > 0.5


def test_one_quantile_is_enough():
    model = tcn_forecaster((20, 1), horizon=5, quantiles=1, filters=4, dilation_rates=(1,))
    assert model.output_shape == (None, 5, 1)


def test_a_dilation_may_come_again():
    model = tcn_forecaster((20, 1), horizon=5, filters=4, dilation_rates=(1, 2, 1))
    names = [layer.name for layer in model.layers if layer.name.startswith("block")]
    assert names == ["block_1", "block_2", "block_1_2"]


def test_another_unit_gives_the_same_forecast_in_that_unit():
    celsius = tcn_forecaster((20, 1), 3, mean=20.0, deviation=2.0, filters=4, dilation_rates=(1,))
    fahrenheit = tcn_forecaster(
        (20, 1), 3, mean=68.0, deviation=3.6, filters=4, dilation_rates=(1,)
    )
    fahrenheit.set_weights(celsius.get_weights())
    series = np.random.default_rng(1).normal(20, 2, (4, 20, 1)).astype("float32")
    expected = celsius.predict(series, verbose=0) * 1.8 + 32
    np.testing.assert_allclose(
        fahrenheit.predict(series * 1.8 + 32, verbose=0), expected, rtol=1e-4
    )


def test_half_precision_loses_nothing_of_values_far_from_zero():
    """bfloat16 has steps of 4 at 1000; the series moves by less."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = tcn_forecaster((6, 1), 2, mean=1000.0, deviation=0.5, filters=2)
    finally:
        keras.config.set_dtype_policy(before)
    series = 1000 + np.array([[[-1.0], [-0.5], [0.0], [0.5], [1.0], [1.5]]], "float32")
    standardized = keras.Model(model.input, model.get_layer("standardize").output)(series)
    expected = [-2, -1, 0, 1, 2, 3]
    np.testing.assert_allclose(np.ravel(standardized), expected, atol=1e-3)


def test_the_recipe_knows_the_training_months():
    pytest.importorskip("statsmodels")
    config = find_config("timeseries_forecaster")
    months = elnino.read_series()[: elnino.TRAINING_MONTHS].astype("float64")
    assert config.model.arguments["mean"] == pytest.approx(months.mean(), rel=1e-5)
    assert config.model.arguments["deviation"] == pytest.approx(months.std(), rel=1e-5)
    (metric,) = config.training.metrics
    changes = [abs(now - before) for before, now in zip(months[:-12], months[12:], strict=True)]
    assert metric.arguments["scale"] == pytest.approx(sum(changes) / len(changes), rel=1e-5)
