"""Dense layers with shortcuts (after He et al. 2016, arXiv:1512.03385)."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import layers


def residual_mlp(
    input_shape: Sequence[int],
    outputs: int,
    mean: Sequence[float] = (0.0,),
    variance: Sequence[float] = (1.0,),
    units: int = 32,
    blocks: int = 2,
) -> keras.Model:
    """Blocks x + Dense(ReLU(Dense(x))) over the standardized, flat input.

    Args:
        input_shape: of one sample, in its own units.
        outputs: width of the output, `(batch, outputs)`: logits, or values to predict.
        mean: of each number of a sample over the training data, or one for all.
        variance: likewise, above 0.
        units: width of the blocks.
        blocks: how many, 1 or more.
    """
    inputs = keras.Input(tuple(input_shape), name="features")
    x = layers.Flatten(name="flatten")(inputs)
    x = layers.Normalization(mean=list(mean), variance=list(variance), name="standardize")(x)
    x = layers.Dense(units, name="widen")(x)
    for number in range(1, blocks + 1):
        y = layers.Dense(units, activation="relu", name=f"block_{number}_inner")(x)
        y = layers.Dense(units, name=f"block_{number}_outer")(y)
        x = layers.Add(name=f"block_{number}_sum")([x, y])
    return keras.Model(inputs, layers.Dense(outputs, dtype="float32", name="logits")(x))
