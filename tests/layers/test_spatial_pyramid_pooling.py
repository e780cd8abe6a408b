"""The pyramid against convolutions written as sums, tap by tap in NumPy."""

import keras
import numpy as np
import pytest
from keras import ops

from kerazoo.errors import ConfigError, DataError
from kerazoo.layers import SpatialPyramidPooling


def fill(layer, seed=0):
    rng = np.random.default_rng(seed)
    layer.set_weights([rng.uniform(0.2, 1, w.shape) for w in layer.get_weights()])


def convolve(image, kernel, rate=1):
    """`(height, width, channels)`, zeros around; `kernel`: `(side, side, channels, filters)`."""
    height, width, _ = image.shape
    middle = kernel.shape[0] // 2
    result = np.zeros((height, width, kernel.shape[-1]))
    for y, x in np.ndindex(height, width):
        for i, j in np.ndindex(kernel.shape[:2]):
            row, column = y + (i - middle) * rate, x + (j - middle) * rate
            if 0 <= row < height and 0 <= column < width:
                result[y, x] += image[row, column] @ kernel[i, j]
    return result


def brick(image, layer, rate=1):
    """Convolution, normalization by the moving averages, ReLU."""
    kernel, gamma, beta, mean, variance = layer.get_weights()
    if kernel.shape[-1] == 1 and layer.filters is None:  # depthwise: one filter for each channel
        kernel = kernel[..., 0, None] * np.eye(kernel.shape[2])
    normal = (convolve(image, kernel, rate) - mean) / np.sqrt(variance + layer.epsilon)
    return np.maximum(gamma * normal + beta, 0)


def by_definition(image, layer):
    parts = [brick(image, layer.point)]
    for i, rate in enumerate(layer.dilation_rates):
        if layer.separable:
            parts.append(brick(brick(image, layer.depthwise[i], rate), layer.dilated[i]))
        else:
            parts.append(brick(image, layer.dilated[i], rate))
    mean = image.mean(axis=(0, 1), keepdims=True)
    parts.append(np.broadcast_to(brick(mean, layer.image), parts[0].shape))
    return brick(np.concatenate(parts, axis=-1), layer.merge)


@pytest.mark.parametrize("separable", [False, True])
def test_the_pyramid_is_that_of_the_paper(separable):
    images = np.random.default_rng(1).normal(size=(2, 9, 7, 3)).astype("float32")
    layer = SpatialPyramidPooling(4, dilation_rates=(2, 3), separable=separable)
    layer.build((None, None, None, 3))
    fill(layer)
    outputs = ops.convert_to_numpy(layer(images))
    expected = [by_definition(image, layer) for image in images]
    assert np.std(expected) > 0.1
    np.testing.assert_allclose(outputs, expected, rtol=1e-4, atol=1e-4)


def test_separable_convolutions_have_fewer_weights():
    def count(separable):
        layer = SpatialPyramidPooling(16, separable=separable)
        layer.build((None, None, None, 32))
        return layer.count_params()

    normalizations = 3 * 4 * 32  # of the depthwise convolutions
    assert count(False) - count(True) == 3 * (9 * 32 * 16 - (9 * 32 + 32 * 16)) - normalizations


def test_a_model_takes_pictures_of_any_size():
    inputs = keras.Input((None, None, 3))
    layer = SpatialPyramidPooling(2, dilation_rates=[4])
    model = keras.Model(inputs, layer(inputs))
    assert model.output_shape == (None, None, None, 2)
    fill(layer)
    for size in ((3, 5), (8, 6)):
        image = np.random.default_rng(2).normal(size=(1, *size, 3)).astype("float32")
        outputs = model.predict(image, verbose=0)[0]
        np.testing.assert_allclose(outputs, by_definition(image[0], layer), rtol=1e-4, atol=1e-4)


def test_training_normalizes_by_the_batch():
    """All of it: after one pass the moving means of all parts have moved."""
    layer = SpatialPyramidPooling(2, dilation_rates=(1, 2), separable=True)
    layer(np.random.default_rng(0).normal(3, 1, (4, 6, 6, 3)), training=True)
    means = [w for w in layer.non_trainable_variables if "moving_mean" in w.path]
    assert len(means) == 7
    assert all(np.any(ops.convert_to_numpy(mean)) for mean in means)


@pytest.mark.parametrize("rates", [(), 6, (2, 0), (2, 1.5)])
def test_rates_out_of_range_are_refused(rates):
    with pytest.raises(ConfigError, match="`dilation_rates` must be"):
        SpatialPyramidPooling(4, rates)


def test_other_misfits_are_refused():
    with pytest.raises(ConfigError, match="`filters` must be an integer of 1 or above"):
        SpatialPyramidPooling(0)
    with pytest.raises(DataError, match="known number of channels"):
        SpatialPyramidPooling(4)(keras.Input((3, 3, None)))
