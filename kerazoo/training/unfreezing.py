"""Which layers of a network are trained, and how fast each."""

from __future__ import annotations

import math

import keras

from kerazoo.argument_checks import check_number
from kerazoo.errors import ConfigError

LOWEST_RATE = 0.1
"""Of the first layer, where the head's is 1; between them the rates rise geometrically."""


def check_stages(unfreeze: object) -> tuple[float, ...]:
    """The shares of the layers that are trained, one stage after the other, as a tuple.

    Raises:
        ConfigError: one is not above 0 and at most 1, or they do not rise.
    """
    given = unfreeze if isinstance(unfreeze, list | tuple) else (unfreeze,)
    stages = tuple(check_number("unfreeze", share, above=0.0, most=1.0) for share in given)
    if list(stages) != sorted(set(stages)):
        raise ConfigError(f"`unfreeze` must rise from stage to stage. Received: {unfreeze!r}.")
    return stages


def freeze(body: keras.Model) -> None:
    """Train none of the layers of `body`; the model around them stays able to train others."""
    for layer in body.layers:
        layer.trainable = False


def unfreeze(body: keras.Model, share: float) -> None:
    """Train the last `share` of the layers that have weights; freeze the others.

    BatchNormalization stays frozen, which in Keras also means: in inference mode. A few thousand
    samples would spoil the averages that a million made.
    """
    freeze(body)
    layers = _weighted(body)
    for layer in layers[len(layers) - math.ceil(share * len(layers)) :]:
        layer.trainable = True
    for layer in body._flatten_layers():
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.trainable = False


def depth_factors(body: keras.Model, lowest: float = LOWEST_RATE) -> dict[str, float]:
    """Variable path to its share of the learning rate: `lowest` at the first layer, 1 at the last.

    Layer i of n (from 0) has lowest ** (1 - i / (n - 1)).
    """
    layers = _weighted(body)
    steps = max(1, len(layers) - 1)
    return {
        variable.path: lowest ** (1 - number / steps)
        for number, layer in enumerate(layers)
        for variable in layer.trainable_variables
    }


def _weighted(body: keras.Model) -> list[keras.Layer]:
    """In the order of their computation."""
    return [layer for layer in body.layers if layer.weights]
