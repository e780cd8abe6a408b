"""Quantization-aware models on two devices, and interrupted."""

import keras
import numpy as np
import pytest
from keras import layers

import kerazoo
from kerazoo.compress import quantize_aware

ON_TWO_DEVICES = """
import keras, numpy as np
from kerazoo.compress import quantize_aware
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
with strategy.scope():
    inputs = keras.Input((4,), name="x")
    x = keras.layers.Dense(6, name="hidden")(inputs)
    x = keras.layers.ReLU(name="relu")(keras.layers.BatchNormalization()(x))
    model = quantize_aware(keras.Model(inputs, keras.layers.Dense(2, name="y")(x)))
    model.compile("sgd", "mse")
x = np.linspace(-3, 5, 32 * 4).reshape(32, 4).astype("float32")
model.fit(x, np.ones((32, 2)), batch_size=32, shuffle=False, verbose=0)
layer = model.get_layer("x_range")
print([float(end) for end in layer.range()], np.asarray(layer.count).tolist(), layer.is_calibrated)
print(x.min(), x.max())
"""


@pytest.mark.slow
def test_ranges_are_those_of_the_whole_batch(on_two_devices):
    ranges, ends = on_two_devices(ON_TWO_DEVICES).strip().splitlines()[-2:]
    measured = map(float, ranges.split("]")[0].strip("[").split(","))
    assert tuple(measured) == pytest.approx(tuple(map(float, ends.split())), rel=1e-6)
    assert ranges.endswith("[1.0] True")


@pytest.mark.slow
@pytest.mark.parametrize("ranges", ["moving_average", "learned"])
def test_interrupted_training_ends_as_if_it_had_not_been(tensorflow_backend, tmp_path, ranges):
    x = np.random.default_rng(0).normal(size=(48, 6, 6, 2)).astype("float32")
    batches = kerazoo.datasets.Batches(x, x.sum((1, 2, 3)), batch_size=16)

    def trained(folder, *epochs):
        for number in epochs:
            keras.utils.set_random_seed(0)
            inputs = keras.Input((6, 6, 2), name="x")
            y = layers.BatchNormalization()(layers.Conv2D(4, 3, use_bias=False)(inputs))
            y = layers.Dense(1)(layers.Dropout(0.2)(layers.Flatten()(layers.ReLU()(y))))
            model = quantize_aware(keras.Model(inputs, y), ranges=ranges)
            model.compile("adam", "mse")
            loop = kerazoo.training.Loop(model, checkpoints=folder)
            loop.fit(batches, epochs=number, progress=False)
        return [weight.numpy() for weight in model.weights]

    unbroken, broken = trained(tmp_path / "a", 3), trained(tmp_path / "b", 1, 3)
    for one, other in zip(unbroken, broken, strict=True):
        np.testing.assert_array_equal(one, other)
