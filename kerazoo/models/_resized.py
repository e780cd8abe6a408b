"""Images resized inside a model, which leaves the layers behind as they are."""

from __future__ import annotations

import keras
from keras import layers


def resized(
    inputs: keras.KerasTensor, height: int, width: int, *, name: str, dtype: str | None = None
) -> keras.KerasTensor:
    """Bilinear, in training and in inference alike.

    Where nobody says which of the two a call is for, as in `model(x)`, Keras's `Resizing` says
    training, and Keras passes that on to all layers after it: normalizations would take the
    batch's statistics, and move their own. So it is told.
    """
    resize = layers.Resizing(height, width, interpolation="bilinear", name=name, dtype=dtype)
    return resize(inputs, training=False)
