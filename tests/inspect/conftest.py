"""Models that look-inside tests share."""

import keras
import pytest

KL = keras.layers


@pytest.fixture
def cnn():
    return keras.Sequential(
        [
            keras.Input((12, 12, 1)),
            KL.Conv2D(4, 3, activation="relu", name="conv"),
            KL.BatchNormalization(name="norm"),
            KL.MaxPooling2D(name="pool"),
            KL.Flatten(name="flat"),
            KL.Dense(10, name="head"),
        ],
        name="digits",
    )


@pytest.fixture
def residual():
    """Grappler adds up three tensors at once, if it is told the shapes of the weights."""
    image = keras.Input((8, 8, 4))
    x = KL.BatchNormalization()(KL.Conv2D(4, 3, padding="same", use_bias=False)(image))
    y = KL.BatchNormalization()(KL.Conv2D(4, 3, padding="same", use_bias=False)(x))
    return keras.Model(image, KL.Add()([x, y]), name="residual")


@pytest.fixture
def recurrent():
    return keras.Sequential(
        [keras.Input((7, 5)), KL.LSTM(6, name="lstm"), KL.Dense(2, name="head")], name="steps"
    )
