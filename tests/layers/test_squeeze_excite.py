"""SqueezeExcite against its formula in NumPy, and the widths and activations of its three users."""

import keras
import numpy as np
import pytest

from kerazoo.errors import ConfigError, DataError
from kerazoo.layers import SqueezeExcite


def relu(x):
    return np.maximum(x, 0)


def silu(x):
    return x * sigmoid(x)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def hard_sigmoid(x):
    """MobileNetV3's: relu6(x + 3) / 6."""
    return np.clip(x + 3, 0, 6) / 6


def by_formula(x, w1, b1, w2, b2, activation, gate):
    outputs = np.empty_like(x)
    for sample in range(len(x)):
        z = x[sample].mean(axis=(0, 1))
        s = gate(activation(z @ w1 + b1) @ w2 + b2)
        outputs[sample] = x[sample] * s
    return outputs


@pytest.mark.parametrize(
    ("names", "functions"),
    [
        (("relu", "sigmoid"), (relu, sigmoid)),
        (("relu", "hard_sigmoid"), (relu, hard_sigmoid)),
        (("silu", "sigmoid"), (silu, sigmoid)),
    ],
)
def test_outputs_are_those_of_the_formula(names, functions):
    rng = np.random.default_rng(0)
    images = rng.normal(size=(3, 5, 4, 8)).astype("float32")
    layer = SqueezeExcite(0.5, activation=names[0], gate_activation=names[1])
    layer.build(images.shape)
    w1, b1, w2, b2 = (rng.normal(0, 2, weight.shape) for weight in layer.weights)
    layer.set_weights([w1, b1, w2, b2])
    expected = by_formula(images, w1[0, 0], b1, w2[0, 0], b2, *functions)
    assert np.abs(expected - images).max() > 0.1
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(layer(images)), expected, atol=1e-5, rtol=1e-5
    )


@pytest.mark.parametrize(
    ("arguments", "channels", "width"),
    [
        ({}, 64, 4),  # the paper's r = 16
        ({}, 8, 1),  # never less than one
        ({"ratio": 0.25}, 30, 7),  # rounded down
        ({"ratio": 2}, 4, 8),
        ({"ratio": 1 / 49}, 98, 2),  # the product is a little below 2
        ({"bottleneck_filters": 10}, 64, 10),
    ],
)
def test_width_of_the_bottleneck(arguments, channels, width):
    layer = SqueezeExcite(**arguments)
    layer.build((None, 7, 7, channels))
    assert layer.count_params() == 2 * channels * width + width + channels


def test_height_and_width_may_be_open():
    inputs = keras.Input((None, None, 4))
    model = keras.Model(inputs, SqueezeExcite(0.5)(inputs))
    assert model.output.shape == (None, None, None, 4)
    assert tuple(model(np.ones((1, 3, 5, 4))).shape) == (1, 3, 5, 4)


@pytest.mark.parametrize(
    ("arguments", "rule"),
    [
        ({"ratio": 0}, "a finite number above 0"),
        ({"ratio": -1}, "a finite number above 0"),
        ({"bottleneck_filters": 0}, "an integer of 1 or above"),
    ],
)
def test_arguments_out_of_range_are_one_line(arguments, rule):
    (name,) = arguments
    with pytest.raises(ConfigError, match=f"`{name}` must be {rule}. Received: "):
        SqueezeExcite(**arguments)


@pytest.mark.parametrize("shape", [(None, 4, 4, None), (None, 4, 4)])
def test_shapes_that_do_not_fit_are_one_line(shape):
    with pytest.raises(DataError, match="takes .batch, height, width, channels.* Received"):
        SqueezeExcite().build(shape)
