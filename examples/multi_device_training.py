"""Training on several devices: the numbers of one, here on two virtual CPUs.

    python examples/multi_device_training.py

With GPUs leave `devices` out. Several machines: `kerazoo launch`, and the guide on many machines.
"""

import keras
import numpy as np

import kerazoo

strategy = kerazoo.distribute.strategy("mirrored", devices=["CPU:0", "CPU:1"])

import tensorflow as tf  # noqa: E402  devices are set before TensorFlow starts

images, labels = kerazoo.datasets.load_numpy("digits", "test")
BATCHES = kerazoo.datasets.Batches(images[:1000], labels[:1000], batch_size=60, seed=0)


def train(strategy: tf.distribute.Strategy) -> tuple[list[float], list[np.ndarray]]:
    """The same network, batches and steps; the last batch does not divide by two."""
    with strategy.scope():
        keras.utils.set_random_seed(0)
        inputs = keras.Input((28, 28, 1))
        x = keras.layers.Rescaling(1 / 255)(inputs)
        x = keras.layers.Conv2D(8, 3, strides=2)(x)
        x = keras.layers.BatchNormalization()(x)  # over all devices, not over each
        x = keras.layers.Flatten()(keras.layers.ReLU()(x))
        model = keras.Model(inputs, keras.layers.Dense(10)(x))
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.SGD(0.01), loss, metrics=["accuracy"])
    history = kerazoo.training.Loop(model).fit(BATCHES, epochs=2, progress=False)
    return history["loss"], [np.asarray(weight) for weight in model.weights]


if __name__ == "__main__":
    print("replicas:", strategy.num_replicas_in_sync)
    losses, weights = train(strategy)
    expected_losses, expected = train(tf.distribute.get_strategy())
    print("losses on two devices:", [f"{loss:.5f}" for loss in losses])
    print("losses on one device: ", [f"{loss:.5f}" for loss in expected_losses])
    apart = max(np.abs(a - b).max() for a, b in zip(weights, expected, strict=True))
    print(f"largest difference of a weight: {apart:.0e}")
    assert apart < 1e-4
