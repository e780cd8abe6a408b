"""The end of every classifier: float32 logits, and scores where they are asked for."""

from __future__ import annotations

import keras
from keras import layers


def classifier_head(
    features: keras.KerasTensor,
    num_classes: int,
    activation: str | None,
    kernel_constraint: keras.constraints.Constraint | None = None,
) -> keras.KerasTensor:
    """`(batch, n)` features to `(batch, num_classes)` float32 logits, or their activation.

    float32 whatever the precision of the rest: losses and rankings need the digits.
    """
    logits = layers.Dense(
        num_classes, kernel_constraint=kernel_constraint, dtype="float32", name="logits"
    )(features)
    if activation is None:
        return logits
    return layers.Activation(activation, dtype="float32", name="scores")(logits)
