"""Small models and data that the tests of distillation share."""

import keras
import numpy as np
import pytest
from keras import layers

CLASSES = 4


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    return rng.normal(size=(24, 8, 8, 3)).astype("float32"), rng.integers(0, CLASSES, 24)


@pytest.fixture
def make_net():
    """A convolutional net: width, dropout and seed chosen."""

    def make(width, *, dropout=0.0, seed=0, name="net", dtype=None):
        keras.utils.set_random_seed(seed)
        inputs = keras.Input((8, 8, 3))
        x = layers.Conv2D(width, 3, activation="relu", dtype=dtype, name="conv")(inputs)
        x = layers.BatchNormalization(dtype=dtype, name="norm")(x)
        x = layers.GlobalAveragePooling2D(dtype=dtype, name="pool")(x)
        x = layers.Dropout(dropout, dtype=dtype, name="dropout")(x)
        outputs = layers.Dense(CLASSES, dtype=dtype, name="logits")(x)
        return keras.Model(inputs, outputs, name=name)

    return make


@pytest.fixture
def cross_entropy():
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)
