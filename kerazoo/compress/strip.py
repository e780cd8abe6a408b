"""The end of training: plain Keras layers with the weights they have earned."""

from __future__ import annotations

from typing import Any

import keras

from kerazoo.compress._clone_layer import clone_layer
from kerazoo.compress._constrained_model import copy_model
from kerazoo.compress.constrained_layer import ConstrainedLayer


def strip(model: keras.Model) -> keras.Model:
    """A copy of `model` with plain layers in place of those that `prune` and `cluster` made.

    Weights get their property once more before, so those that something else assigned (averages
    of an optimizer with `use_ema`, a callback) have it too. `model` is not changed.

    Returns: the model, not compiled.

    Raises:
        ConfigError: `model` is neither Sequential nor functional.

    >>> from kerazoo.compress import prune
    >>> model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(4, name="head")])
    >>> type(prune(model).layers[0]).__name__, type(strip(prune(model)).layers[0]).__name__
    ('ConstrainedLayer', 'Dense')
    """
    return copy_model(model, _stripped)


def _stripped(layer: keras.Layer) -> Any:
    clone = clone_layer(layer)
    if not isinstance(clone, ConstrainedLayer):
        return clone
    clone.enforce()
    return clone_layer(clone.layer)
