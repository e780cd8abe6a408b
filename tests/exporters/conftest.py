"""A small net trained on real digits, and its files, shared by all tests of this folder."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from sklearn.datasets import load_digits

import kerazoo.exporters as exporters

MODES = (None, "float16", "dynamic", "int8", "int8_io", "int16x8")


@pytest.fixture(scope="session")
def digits():
    """1,797 real 8x8 digits as pixels 0..255 and their classes; 300 kept for testing."""
    images, labels = load_digits(return_X_y=True)
    pixels = np.clip(images.reshape(-1, 8, 8, 1) * 16, 0, 255).astype("uint8")
    return pixels[:-300], labels[:-300], pixels[-300:], labels[-300:]


@pytest.fixture(scope="session")
def net(digits):
    """Convolution and batch norm, a nested model, dropout; over 85 % right on unseen writers."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 1), name="pixels")
    x = keras.layers.Rescaling(1 / 255, name="scaling")(inputs)
    x = keras.layers.Conv2D(8, 3, use_bias=False, name="conv_a")(x)
    x = keras.layers.BatchNormalization(name="norm_a")(x)
    x = keras.layers.ReLU(name="relu_a")(x)
    block = [
        keras.layers.Conv2D(16, 3, activation="relu", name="conv_b"),
        keras.layers.Flatten(name="flat"),
    ]
    x = keras.Sequential(block, name="block")(x)
    x = keras.layers.Dense(16, activation="gelu", name="hidden")(x)
    x = keras.layers.Dropout(0.2, name="drop")(x)
    model = keras.Model(inputs, keras.layers.Dense(10, name="logits")(x), name="net")
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), loss, metrics=["accuracy"])
    model.fit(digits[0], digits[1], batch_size=64, epochs=12, verbose=0)
    accuracy = model.evaluate(digits[2], digits[3], verbose=0)[1]
    assert accuracy > 0.85, "constant or random outputs would make the comparisons below vacuous"
    return model


@pytest.fixture(scope="session")
def reports(net, digits, tmp_path_factory):
    """Mode -> report of the net exported in that mode."""
    folder = tmp_path_factory.mktemp("files")
    return {
        mode: exporters.export(
            net,
            folder / f"{mode}.tflite",
            quantize=mode,
            calibration=digits[0][:500],
            labels=list("0123456789"),
        )
        for mode in MODES
    }


@pytest.fixture
def small():
    """A linear map of 4 numbers to 3, quick to export."""
    keras.utils.set_random_seed(1)
    return keras.Sequential(
        [keras.Input((4,), name="x"), keras.layers.Dense(3, name="y")], name="small"
    )


@pytest.fixture
def numbers():
    return np.random.default_rng(0).normal(size=(40, 4)).astype("float32")
