"""LayerScale: y = gamma * x by channel; gamma starts where it was told to."""

import keras
import numpy as np
import pytest

from kerazoo.errors import ConfigError, DataError
from kerazoo.layers import LayerScale


@pytest.mark.parametrize("shape", [(4, 3), (4, 5, 3), (2, 5, 6, 3)])
def test_each_channel_has_its_factor(shape):
    inputs = np.random.default_rng(0).normal(size=shape).astype("float32")
    layer = LayerScale()
    layer.build(shape)
    layer.gamma.assign([0.5, -2.0, 3.0])
    expected = np.stack(
        [inputs[..., channel] * factor for channel, factor in enumerate((0.5, -2.0, 3.0))], axis=-1
    )
    np.testing.assert_allclose(keras.ops.convert_to_numpy(layer(inputs)), expected, rtol=1e-6)


@pytest.mark.parametrize("start", [0, 1e-5, 0.1, 2.0])
def test_gamma_starts_at_the_initial_value(start):
    layer = LayerScale(start)
    layer.build((None, 7, 4))
    np.testing.assert_array_equal(
        keras.ops.convert_to_numpy(layer.gamma), np.full(4, start, "float32")
    )


def test_keras_applications_computes_the_same():
    from keras.src.applications.convnext import LayerScale as InConvNeXt

    inputs = np.random.default_rng(0).normal(size=(2, 4, 4, 6)).astype("float32")
    ours, theirs = LayerScale(0.3)(inputs), InConvNeXt(0.3, 6)(inputs)
    np.testing.assert_array_equal(*map(keras.ops.convert_to_numpy, (ours, theirs)))


def test_a_small_gamma_is_whole_under_half_precision():
    """float16 holds 1e-6 with one digit, and 1e-6 * 0.02 not at all, but for its product here."""
    layer = LayerScale(1e-6, dtype="mixed_float16")
    outputs = keras.ops.convert_to_numpy(layer(np.float32([[100.0, 0.125]])))
    assert outputs.dtype == "float16"
    np.testing.assert_allclose(outputs, [[np.float16(1e-4), np.float16(1.25e-7)]], rtol=1e-3)


def test_masks_pass():
    inputs = keras.Input((5,), dtype="int32")
    x = keras.layers.Embedding(9, 2, mask_zero=True)(inputs)
    assert keras.Model(inputs, LayerScale()(x)).output._keras_mask is not None


def test_unknown_channels_are_one_line():
    with pytest.raises(DataError, match="needs a known number of channels"):
        LayerScale().build((None, None))


@pytest.mark.parametrize("value", ["small", float("nan"), float("inf"), None])
def test_an_initial_value_that_is_no_number_is_one_line(value):
    with pytest.raises(ConfigError, match="`initial_value` must be a finite number. Received"):
        LayerScale(value)
