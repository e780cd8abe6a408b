"""ConvNormAct against a convolution and a normalization in NumPy."""

import keras
import numpy as np
import pytest

from kerazoo.errors import ConfigError, DataError
from kerazoo.layers import ConvNormAct, GhostModule, SqueezeExcite

IMAGES = np.random.default_rng(1).normal(size=(2, 7, 6, 4)).astype("float32")


@pytest.mark.parametrize(
    "arguments",
    [
        {"filters": 6},
        {"filters": 6, "kernel_size": (1, 3), "strides": 2},
        {"filters": 6, "kernel_size": 5, "strides": (2, 1), "padding": "valid"},
        {"filters": 6, "groups": 2},
        {"filters": 8, "groups": 4, "strides": 2},
        {"filters": 6, "dilation_rate": 2},
        {"filters": 6, "epsilon": 0.5},
    ],
)
def test_outputs_are_those_of_the_formula(arguments, by_numpy, scatter):
    layer = ConvNormAct(**arguments, activation="relu")
    layer.build(IMAGES.shape)
    scatter(layer)
    kernel = layer.get_weights()[0]
    convolved = by_numpy.convolve(
        IMAGES,
        kernel,
        pair(arguments.get("strides", 1)),
        arguments.get("padding", "same"),
        pair(arguments.get("dilation_rate", 1)),
        arguments.get("groups", 1),
    )
    expected = np.maximum(by_numpy.normalize(convolved, layer.normalize), 0)
    compare(layer(IMAGES), expected)


@pytest.mark.parametrize(
    "arguments",
    [{}, {"strides": 2, "kernel_size": 5}, {"dilation_rate": 2, "padding": "valid"}],
)
def test_without_filters_each_channel_has_its_own(arguments, by_numpy, scatter):
    layer = ConvNormAct(None, activation=None, **arguments)
    layer.build(IMAGES.shape)
    scatter(layer)
    convolved = by_numpy.convolve_depthwise(
        IMAGES,
        layer.get_weights()[0],
        pair(arguments.get("strides", 1)),
        arguments.get("padding", "same"),
        pair(arguments.get("dilation_rate", 1)),
    )
    compare(layer(IMAGES), by_numpy.normalize(convolved, layer.normalize))


def pair(value):
    return value if isinstance(value, tuple) else (value, value)


def compare(outputs, expected):
    assert expected.std() > 0.1
    np.testing.assert_allclose(keras.ops.convert_to_numpy(outputs), expected, atol=2e-5, rtol=2e-5)


def test_there_is_no_bias():
    layer = ConvNormAct(6)
    layer.build(IMAGES.shape)
    assert [weight.path.split("/", 1)[1] for weight in layer.weights] == [
        "convolve/kernel",
        "normalize/gamma",
        "normalize/beta",
        "normalize/moving_mean",
        "normalize/moving_variance",
    ]


def test_training_moves_the_statistics_by_the_momentum():
    layer = ConvNormAct(3, momentum=0.6)
    layer.build(IMAGES.shape)
    convolved = keras.ops.convert_to_numpy(layer.convolve(IMAGES))
    layer(IMAGES, training=True)
    mean, variance = layer.get_weights()[-2:]
    np.testing.assert_allclose(mean, 0.4 * convolved.mean(axis=(0, 1, 2)), atol=1e-5)
    np.testing.assert_allclose(
        variance, 0.6 + 0.4 * convolved.var(axis=(0, 1, 2)), atol=1e-5, rtol=1e-5
    )


def test_two_layers_of_one_initializer_start_apart():
    initializer = keras.initializers.HeNormal()
    first, second = (ConvNormAct(3, kernel_initializer=initializer) for _ in range(2))
    first.build(IMAGES.shape)
    second.build(IMAGES.shape)
    assert np.abs(first.get_weights()[0] - second.get_weights()[0]).max() > 0.01


class Sevens(keras.initializers.Initializer):
    """Not registered with Keras, which `keras.layers.Conv2D` does not ask for either."""

    def __call__(self, shape, dtype=None):
        return keras.ops.full(shape, 7.0, dtype)


@pytest.mark.parametrize("initializer", [Sevens(), Sevens().__call__])
@pytest.mark.parametrize(
    ("layer", "arguments"),
    [(ConvNormAct, {"filters": 3}), (GhostModule, {"filters": 4}), (SqueezeExcite, {})],
)
def test_initializers_of_ones_own(layer, arguments, initializer):
    layer = layer(**arguments, kernel_initializer=initializer)
    layer.build(IMAGES.shape)
    kernels = [weight for weight in layer.weights if "kernel" in weight.name]
    assert kernels
    assert all((keras.ops.convert_to_numpy(kernel) == 7).all() for kernel in kernels)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"filters": 0}, "`filters` must be an integer of 1 or above"),
        ({"filters": 4, "kernel_size": (3, 3, 3)}, "`kernel_size` must be .* or two of them"),
        ({"filters": 4, "strides": 0}, "`strides` must be an integer of 1 or above"),
        ({"filters": 4, "momentum": 7}, "`momentum` must be .* of at most 1"),
        ({"filters": 4, "epsilon": -1}, "`epsilon` must be a finite number above 0"),
        ({"filters": 4, "padding": "causal"}, '`padding` must be "same" or "valid"'),
        ({"filters": 4, "groups": 3}, "`groups` must divide `filters`"),
        (
            {"filters": 4, "strides": 2, "dilation_rate": 2},
            "`strides` or `dilation_rate` must be 1",
        ),
        ({"filters": None, "groups": 2}, "`groups` must be 1 when `filters` is None"),
        ({"filters": None, "strides": (1, 2)}, "`strides` must be the same for height and width"),
    ],
)
def test_arguments_out_of_range_are_one_line(arguments, words):
    with pytest.raises(ConfigError, match=f"^{words}.* Received: "):
        ConvNormAct(**arguments)


@pytest.mark.parametrize("shape", [(None, 4, 4, None), (None, 4, 4), (None, 4, 4, 3)])
def test_shapes_that_do_not_fit_are_one_line(shape):
    with pytest.raises(DataError, match="Received: input_shape="):
        ConvNormAct(4, groups=2).build(shape)
