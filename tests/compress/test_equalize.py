"""Cross-layer equalisation: the same outputs, equal ranges, less rounding error."""

import keras
import numpy as np
import pytest
from keras import layers

from kerazoo.compress import equalize
from kerazoo.errors import ConfigError


def badly_scaled(model, seed=0):
    """Random weights whose output channels differ in size by up to a thousand."""
    rng = np.random.default_rng(seed)
    for layer in model._flatten_layers():
        if isinstance(layer, layers.BatchNormalization):
            size = layer.gamma.shape
            values = [rng.uniform(0.5, 2, size), rng.normal(size=size)]
            layer.set_weights([*values, rng.normal(size=size), rng.uniform(0.5, 2, size)])
        elif hasattr(layer, "kernel"):
            kernel = rng.normal(size=layer.kernel.shape)
            layer.kernel.assign(kernel * 10 ** rng.uniform(-1.5, 1.5, kernel.shape[-1]))
            if layer.use_bias:
                layer.bias.assign(rng.normal(size=layer.bias.shape))
    return model


def convolutional():
    inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(6, 3, padding="same", use_bias=False, name="conv")(inputs)
    x = layers.ReLU()(layers.BatchNormalization()(x))
    x = layers.DepthwiseConv2D(3, depth_multiplier=2, name="depthwise")(layers.MaxPooling2D()(x))
    x = layers.BatchNormalization()(x)
    x = layers.Conv2DTranspose(5, 2, activation="relu", name="transposed")(layers.ReLU()(x))
    x = layers.Dropout(0.5)(layers.Flatten()(x))
    x = layers.Dense(4, activation="relu", name="hidden")(x)
    return keras.Model(inputs, layers.Dense(3, name="logits")(x))


def branching():
    inputs = keras.Input((10, 2))
    x = layers.Conv1D(4, 3, padding="same", activation="relu")(inputs)
    y = layers.Conv1D(4, 3, padding="same", activation="relu")(x)
    y = layers.Conv1D(4, 3, padding="same", groups=2)(y)
    x = layers.Add()([x, y])
    shared = layers.Dense(4, activation="leaky_relu")
    return keras.Model(inputs, layers.Dense(2)(shared(shared(x))))


def outputs_of(model, data):
    return keras.ops.convert_to_numpy(model(data, training=False))


@pytest.mark.parametrize("build", [convolutional, branching])
def test_outputs_stay_the_same(build):
    model = badly_scaled(build())
    weights = model.get_weights()
    data = np.random.default_rng(1).normal(size=(5, *model.input_shape[1:])).astype("float32")
    expected = outputs_of(model, data)
    equalized = equalize(model)
    assert np.abs(expected).max() > 0
    np.testing.assert_allclose(
        outputs_of(equalized, data), expected, atol=1e-5 * np.abs(expected).max()
    )
    for now, before in zip(model.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(now, before)  # the given model is left alone


def test_ranges_on_both_sides_are_equal():
    """Equation 9 of the paper: the largest weights of a channel are the same in both layers."""
    equalized = equalize(badly_scaled(convolutional()))
    conv, depthwise, transposed, hidden, logits = (
        np.abs(equalized.get_layer(name).kernel.numpy())
        for name in ("conv", "depthwise", "transposed", "hidden", "logits")
    )
    pairs = [
        (conv.max((0, 1, 2)), depthwise.max((0, 1, 3))),
        (depthwise.reshape(3, 3, 12).max((0, 1)), transposed.max((0, 1, 2))),
        (transposed.max((0, 1, 3)), hidden.reshape(-1, 5, 4).max((0, 2))),
        (hidden.max(0), logits.max(1)),
    ]
    for first, second in pairs:
        np.testing.assert_allclose(first, second, rtol=0.01)
        assert (first > 0).all()


def test_rounding_with_one_step_per_tensor_costs_less():
    model = badly_scaled(convolutional())
    data = np.random.default_rng(1).normal(size=(50, 8, 8, 3)).astype("float32")
    expected = outputs_of(model, data)

    def error(rounded):
        for layer in rounded.layers:
            if hasattr(layer, "kernel"):
                kernel = layer.kernel.numpy()
                step = np.abs(kernel).max() / 127
                layer.kernel.assign(np.round(kernel / step) * step)
        return np.mean((outputs_of(rounded, data) - expected) ** 2)

    assert error(equalize(model)) < 0.25 * error(model)


def test_relu6_is_left_alone_and_said(notices):
    model = keras.Sequential(
        [
            keras.Input((4,)),
            layers.Dense(3, activation="relu6", name="first"),
            layers.Dense(3, name="second"),
            layers.ReLU(6.0),
            layers.Dense(2, name="third"),
        ]
    )
    badly_scaled(model)
    equalized = equalize(model)
    for now, before in zip(equalized.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(now, before)
    assert any("first, second" in line for line in notices())


def test_dead_channels_and_models_without_pairs():
    model = keras.Sequential([keras.Input((2,)), layers.Dense(2, "relu"), layers.Dense(1)])
    model.layers[0].kernel.assign(np.zeros((2, 2)))
    data = np.ones((1, 2), "float32")
    assert np.isfinite(outputs_of(equalize(model), data)).all()
    alone = keras.Sequential([keras.Input((2,)), layers.Dense(1)])
    np.testing.assert_array_equal(outputs_of(equalize(alone), data), outputs_of(alone, data))


def test_a_subclass_is_refused():
    class Own(keras.Model):
        def call(self, x):
            return x

    with pytest.raises(ConfigError, match="call"):
        equalize(Own())


@keras.saving.register_keras_serializable(package="test_equalize")
class Standardized(layers.Conv2D):
    """A convolution whose kernel has mean 0 and deviation 1 in each channel."""

    def convolution_op(self, inputs, kernel):
        mean, variance = keras.ops.moments(kernel, axes=(0, 1, 2), keepdims=True)
        return super().convolution_op(inputs, (kernel - mean) / keras.ops.sqrt(variance + 1e-3))


def test_a_layer_of_ones_own_takes_in_no_normalization():
    model = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            Standardized(4, 3, name="own"),
            layers.BatchNormalization(name="norm"),
            layers.ReLU(),
            layers.Conv2D(3, 1, activation="relu"),
            layers.Conv2D(2, 1),
        ]
    )
    badly_scaled(model)
    data = np.random.default_rng(1).normal(size=(4, 8, 8, 3)).astype("float32")
    equalized, expected = equalize(model), outputs_of(model, data)
    assert "norm" in [layer.name for layer in equalized.layers]
    np.testing.assert_allclose(
        outputs_of(equalized, data), expected, atol=1e-5 * np.abs(expected).max()
    )
