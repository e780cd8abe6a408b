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
def recurrent():
    return keras.Sequential(
        [keras.Input((7, 5)), KL.LSTM(6, name="lstm"), KL.Dense(2, name="head")], name="steps"
    )
