"""Linear regression as a Keras model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers

from kerazoo.argument_checks import check_list, check_number
from kerazoo.errors import ConfigError
from kerazoo.models._arguments import check_counts, check_shape


def linear(
    input_shape: Sequence[int],
    units: int = 1,
    mean: Sequence[float] | None = None,
    variance: Sequence[float] | None = None,
) -> keras.Model:
    """One dense layer without activation: `prediction = weights . standardized features + bias`.

    Args:
        input_shape: (features,); features in their own units.
        units: width of the output, `(batch, units)`, in the target's units; 1 or more.
        mean: of each feature over the training data, in its unit; None leaves features as they are.
        variance: likewise, in its unit squared, 0 or more. Gradient descent needs features of like
            size; the least-squares solution does not depend on it.

    Raises:
        kerazoo.errors.ConfigError: only one of `mean` and `variance` is given, one has not as many
            numbers as there are features, or an argument is out of its range.
    """
    check_counts(units=units)
    shape = check_shape(input_shape, "features")
    if (mean is None) != (variance is None):
        raise ConfigError(
            f"`mean` and `variance` belong together: pass both, or neither. "
            f"Received: mean={mean}, variance={variance}."
        )
    inputs = keras.Input(shape, name="features")
    x = inputs
    if mean is not None:
        mean = _of_each("mean", mean, shape[0])
        variance = _of_each("variance", variance, shape[0], least=0)
        # In float32: half precision cannot tell values far from zero apart.
        standardize = layers.Normalization(
            mean=mean, variance=variance, dtype="float32", name="standardize"
        )
        x = standardize(x)
    outputs = layers.Dense(units, dtype="float32", name="prediction")(x)
    return keras.Model(inputs, outputs)


def _of_each(name: str, values: Any, features: int | None, **bounds: float) -> list[float]:
    values = check_list(name, values)
    if len(values) != features:
        raise ConfigError(
            f"`{name}` must have a number for each of the {features} features. "
            f"Received: {len(values)} numbers."
        )
    return [check_number(name, value, **bounds) for value in values]
