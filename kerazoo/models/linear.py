"""Linear regression as a Keras model."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import layers

from kerazoo.errors import ConfigError


def linear(
    input_shape: Sequence[int],
    units: int = 1,
    mean: Sequence[float] | None = None,
    variance: Sequence[float] | None = None,
) -> keras.Model:
    """One dense layer without activation: `prediction = weights . standardized features + bias`.

    Args:
        input_shape: (features,); features in their own units.
        units: width of the output, `(batch, units)`, in the target's units.
        mean: of each feature over the training data, in its unit; None leaves features as they are.
        variance: likewise, in its unit squared. Gradient descent needs features of like size;
            the least-squares solution does not depend on it.

    Raises:
        kerazoo.errors.ConfigError: only one of `mean` and `variance` is given.
    """
    if (mean is None) != (variance is None):
        raise ConfigError(
            f"`mean` and `variance` belong together: pass both, or neither. "
            f"Received: mean={mean}, variance={variance}."
        )
    inputs = keras.Input(tuple(input_shape), name="features")
    x = inputs
    if mean is not None:
        # In float32: half precision cannot tell values far from zero apart.
        standardize = layers.Normalization(
            mean=mean, variance=variance, dtype="float32", name="standardize"
        )
        x = standardize(x)
    outputs = layers.Dense(units, dtype="float32", name="prediction")(x)
    return keras.Model(inputs, outputs)
