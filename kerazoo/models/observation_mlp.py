"""The multilayer perceptron of agents: dense layers from an observation to values or logits."""

from __future__ import annotations

import math
from collections.abc import Sequence

import keras
from keras import layers

from kerazoo.argument_checks import check_integers, check_number


def observation_mlp(
    observation_shape: Sequence[int],
    outputs: int | Sequence[int],
    hidden_units: Sequence[int] = (64, 64),
    activation: str = "relu",
    output_scale: float = 1.0,
) -> keras.Model:
    """Dense layers over the flattened observation, then a linear head.

    Args:
        observation_shape: of one observation, one size or more, in the environment's own units.
        outputs: width of the output `(batch, outputs)`: Q-values, logits or means of as many
            actions, or 1 for a state's value. A list such as [2, 51] (actions, atoms) gives
            `(batch, 2, 51)`.
        hidden_units: width of each hidden layer, 1 or more; an empty list leaves none.
        activation: of the hidden layers.
        output_scale: above 0, of the head's initial weights: 0.01 lets an actor begin with almost
            equal chances (Andrychowicz et al. 2020, arXiv:2006.05990, section 3.2).
    """
    sizes = outputs if isinstance(outputs, (list, tuple)) else [outputs]
    shape = check_integers("outputs", sizes, shortest=1)
    observed = check_integers("observation_shape", observation_shape, shortest=1)
    hidden_units = check_integers("hidden_units", hidden_units)
    output_scale = check_number("output_scale", output_scale, above=0)
    inputs = keras.Input(tuple(observed), name="observation")
    x = layers.Flatten(name="flatten")(inputs) if len(observed) > 1 else inputs
    for number, units in enumerate(hidden_units, start=1):
        x = layers.Dense(units, activation=activation, name=f"dense_{number}")(x)
    initializer = keras.initializers.VarianceScaling(output_scale**2, "fan_avg", "uniform")
    x = layers.Dense(
        math.prod(shape), dtype="float32", kernel_initializer=initializer, name="head"
    )(x)
    if len(shape) > 1:
        x = layers.Reshape(shape, name="outputs")(x)
    return keras.Model(inputs, x)
