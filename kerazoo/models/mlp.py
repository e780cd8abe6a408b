"""The multilayer perceptron: dense layers between a flat input and a head."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import layers

from kerazoo.argument_checks import check_integers
from kerazoo.models._arguments import check_counts
from kerazoo.models._head import classifier_head


def mlp(
    input_shape: Sequence[int],
    num_classes: int,
    hidden_units: Sequence[int] = (128,),
    classifier_activation: str | None = None,
) -> keras.Model:
    """Dense layers with ReLU over the flattened input, then a dense head.

    Args:
        input_shape: (height, width, channels) or another, of one axis or more; values 0..255 in.
        num_classes: width of the output, `(batch, num_classes)` logits.
        hidden_units: width of each hidden layer, 1 or more; an empty list leaves none.
        classifier_activation: such as "softmax"; None leaves logits.
    """
    check_counts(num_classes=num_classes)
    hidden_units = check_integers("hidden_units", hidden_units)
    shape = check_integers("input_shape", input_shape, shortest=1)
    inputs = keras.Input(tuple(shape), name="image")
    x = layers.Rescaling(1 / 255, name="scale")(inputs)
    x = layers.Flatten(name="flatten")(x)
    for number, units in enumerate(hidden_units, start=1):
        x = layers.Dense(units, activation="relu", name=f"dense_{number}")(x)
    return keras.Model(inputs, classifier_head(x, num_classes, classifier_activation))
