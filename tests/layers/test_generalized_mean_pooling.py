"""Pooling against the formula in float64, and its slope against finite differences."""

import keras
import numpy as np
import pytest
from keras import ops

from kerazoo.errors import ConfigError, DataError
from kerazoo.layers import GeneralizedMeanPooling


def by_definition(images, p, epsilon=1e-6):
    powers = np.maximum(images.astype("float64"), epsilon) ** p
    return powers.mean(axis=(1, 2)) ** (1 / p)


def random(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


@pytest.mark.parametrize("p", [0.5, 1.0, 3.0, 8.0])
@pytest.mark.parametrize("epsilon", [1e-6, 0.1])
def test_the_mean_is_that_of_the_formula(p, epsilon):
    images = random(2, 5, 4, 3)
    outputs = ops.convert_to_numpy(GeneralizedMeanPooling(p, epsilon)(images))
    np.testing.assert_allclose(outputs, by_definition(images, p, epsilon), rtol=1e-4)


def test_a_large_exponent_nears_the_maximum():
    """60 ** 100 is far beyond float32."""
    images = np.abs(random(2, 5, 4, 3)) * 20
    outputs = ops.convert_to_numpy(GeneralizedMeanPooling(100.0)(images))
    np.testing.assert_allclose(outputs, by_definition(images, 100.0), rtol=1e-4)
    np.testing.assert_allclose(outputs, images.max(axis=(1, 2)), rtol=0.04)


def test_half_precision_loses_nothing_on_the_way():
    """No more than float16 rounds off the result; and 300 ** 3 is beyond it."""
    images = np.abs(random(2, 16, 16, 8)).astype("float16") * np.float16(100)
    layer = GeneralizedMeanPooling(3.1, dtype="mixed_float16")
    outputs = layer(images)
    assert keras.backend.standardize_dtype(outputs.dtype) == "float16"
    expected = by_definition(images, 3.1)
    np.testing.assert_allclose(ops.convert_to_numpy(outputs), expected, rtol=2**-11 + 1e-5)
    assert ops.convert_to_numpy(layer.exponent) == pytest.approx(3.1)


@pytest.mark.parametrize("p", [3.0, 20.0])
def test_the_exponent_learns_from_the_slope(p):
    """One step of SGD with rate 1 on the output itself; one channel is dead (all zeros)."""
    images = np.abs(random(1, 3, 3, 2))
    images[..., 1] = 0
    layer = GeneralizedMeanPooling(p)
    model = keras.Sequential([keras.Input((3, 3, 2)), layer])
    model.compile(keras.optimizers.SGD(1.0), loss=lambda y_true, y_pred: ops.sum(y_pred, axis=-1))
    model.fit(images, np.zeros((1, 2)), verbose=0)
    step = 1e-4
    slope = (by_definition(images, p + step) - by_definition(images, p - step)).sum() / (2 * step)
    assert ops.convert_to_numpy(layer.exponent) - p == pytest.approx(-slope, rel=1e-2)


def test_a_model_takes_pictures_of_any_size():
    inputs = keras.Input((None, None, 2))
    model = keras.Model(inputs, GeneralizedMeanPooling()(inputs))
    assert model.output_shape == (None, 2)
    for size in ((2, 3), (6, 5)):
        images = random(2, *size, 2)
        outputs = model.predict(images, verbose=0)
        np.testing.assert_allclose(outputs, by_definition(images, 3.0), rtol=1e-4)


@pytest.mark.parametrize("name", ["p", "epsilon"])
def test_arguments_out_of_range_are_refused(name):
    with pytest.raises(ConfigError, match=f"`{name}` must be a finite number above 0"):
        GeneralizedMeanPooling(**{name: 0.0})


def test_unknown_channels_are_refused():
    with pytest.raises(DataError, match="known number of channels"):
        GeneralizedMeanPooling()(keras.Input((3, 3, None)))
