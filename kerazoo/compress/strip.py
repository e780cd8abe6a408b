"""The end of training: plain Keras layers with the weights they have earned."""

from __future__ import annotations

from typing import Any

import keras

from kerazoo.compress._clone_layer import clone_layer
from kerazoo.compress._constrained_model import check_model, copy_model
from kerazoo.compress._unquantized import is_quantized, unquantized
from kerazoo.compress.constrained_layer import ConstrainedLayer


def strip(model: keras.Model) -> keras.Model:
    """A copy of `model` with plain layers in place of those of this package.

    Weights that `prune` and `cluster` constrain get their property once more before, so those that
    something else assigned (averages of an optimizer with `use_ema`, a callback) have it too. Of a
    model that `quantize_aware` made, the weights are the rounded ones. `model` is not changed.

    Returns: the model, not compiled.

    Raises:
        ConfigError: `model` is neither Sequential nor functional, or not built.

    >>> from kerazoo.compress import prune
    >>> model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(4, name="head")])
    >>> type(prune(model).layers[0]).__name__, type(strip(prune(model)).layers[0]).__name__
    ('ConstrainedLayer', 'Dense')
    """
    check_model(model)
    if is_quantized(model):  # rounded weights have their zeros and few values already
        return copy_model(unquantized(model), _unwrapped)
    return copy_model(model, _enforced)


def _unwrapped(layer: keras.Layer) -> Any:
    return clone_layer(layer.layer if isinstance(layer, ConstrainedLayer) else layer)


def _enforced(layer: keras.Layer) -> Any:
    if not isinstance(layer, ConstrainedLayer):
        return clone_layer(layer)
    clone = clone_layer(layer)
    clone.enforce()
    return _unwrapped(clone)
