"""AdaRound of a whole model: less output error on unseen data, kernels on their grids."""

import keras
import numpy as np
import pytest
from keras import layers

from kerazoo.compress import adaround
from kerazoo.compress._fold_normalization import fold_normalization
from kerazoo.compress._weight_grid import weight_grid
from kerazoo.errors import ConfigError, DataError, UnknownNameError

CONVOLUTIONS = ("conv", "depthwise")


def small_net():
    inputs = keras.Input((6, 6, 3), name="image")
    x = layers.Conv2D(6, 3, use_bias=False, name="conv")(inputs)
    x = layers.ReLU()(layers.BatchNormalization(name="norm")(x))
    x = layers.DepthwiseConv2D(3, padding="same", activation="relu", name="depthwise")(x)
    x = layers.Flatten()(x)
    shared = layers.Dense(96, activation="relu", name="shared")
    return keras.Model(inputs, layers.Dense(4, name="logits")(shared(shared(x))))


def images(samples, seed):
    """Smooth ones, as photographs are: neighbours are alike."""
    coarse = np.random.default_rng(seed).normal(size=(samples, 2, 2, 3))
    fine = coarse.repeat(3, axis=1).repeat(3, axis=2)
    return (fine + 0.1 * np.random.default_rng(seed + 1).normal(size=fine.shape)).astype("float32")


def outputs_of(model, data):
    return keras.ops.convert_to_numpy(model(data, training=False))


def axes_of(name):
    return {"conv": (3,), "depthwise": (2, 3)}.get(name, ())


def nearest(model):
    """The same model with its kernels rounded to the nearest value of the same grids."""
    rounded = fold_normalization(model)
    for layer in rounded.layers:
        if hasattr(layer, "kernel"):
            kernel = layer.kernel.numpy()
            layer.kernel.assign(
                weight_grid(kernel, bits=4, axes=axes_of(layer.name)).nearest(kernel)
            )
    return rounded


def test_four_bits_learned_are_closer_than_four_bits_rounded():
    keras.utils.set_random_seed(0)
    model = small_net()
    model.get_layer("norm").moving_variance.assign(np.linspace(0.5, 2, 6))
    before = model.get_weights()
    rounded = adaround(model, images(192, seed=0), bits=4, steps=120, progress=False)

    unseen = images(200, seed=5)
    expected = outputs_of(model, unseen)
    errors = [
        np.mean((outputs_of(other, unseen) - expected) ** 2) for other in (rounded, nearest(model))
    ]
    assert errors[0] < 0.7 * errors[1]
    for now, then in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(now, then)  # the given model is left alone

    # What any later fake-quant rounds to, symmetric over the largest value, is what is there.
    for name in ("conv", "depthwise", "shared", "logits"):
        kernel = rounded.get_layer(name).kernel.numpy()
        others = tuple(axis for axis in range(kernel.ndim) if axis not in axes_of(name))
        integers = kernel / (np.abs(kernel).max(axis=others, keepdims=True) / 7)
        np.testing.assert_allclose(integers, np.round(integers), atol=1e-4)


def test_skipped_layers_stay_and_seeds_repeat():
    inputs = keras.Input((3,), name="image")
    model = keras.Model(inputs, layers.Dense(4, name="logits")(layers.Dense(8)(inputs)))
    data = {"image": np.random.default_rng(0).normal(size=(32, 3)).astype("float32")}
    first, again = (
        adaround(model, data, steps=5, skip=("logits",), seed=3, progress=False) for _ in range(2)
    )
    np.testing.assert_array_equal(
        first.get_layer("logits").kernel.numpy(), model.get_layer("logits").kernel.numpy()
    )
    for one, other in zip(first.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_batches_of_a_dataset_are_samples_too():
    model = keras.Sequential([keras.Input((3,)), layers.Dense(2, name="dense")])
    x = np.random.default_rng(0).normal(size=(40, 3)).astype("float32")
    batches = [(x[:20], np.zeros(20)), (x[20:], np.zeros(20))]
    from_array, from_batches = (
        adaround(model, data, bits=4, steps=20, progress=False).get_weights()
        for data in (x, batches)
    )
    np.testing.assert_array_equal(from_array[0], from_batches[0])


@pytest.mark.parametrize(
    ("data", "arguments", "error", "text"),
    [
        (np.zeros((4, 3)), {"bits": 5}, ConfigError, "`bits` must be 8 or 4. Received: 5"),
        (np.zeros((4, 3)), {"steps": 0}, ConfigError, "`steps`"),
        (np.zeros((4, 3)), {"skip": ("dens",)}, UnknownNameError, "'dens'"),
        (np.zeros((4, 2)), {}, DataError, "must have the shape"),
        (np.full((4, 3), np.nan), {}, DataError, "NaN"),
        ([], {}, DataError, "empty"),
        (None, {}, DataError, "Received: None"),
    ],
)
def test_what_is_refused(data, arguments, error, text):
    model = keras.Sequential([keras.Input((3,)), layers.Dense(2, name="dense")])
    with pytest.raises(error, match=text):
        adaround(model, data, progress=False, **arguments)
