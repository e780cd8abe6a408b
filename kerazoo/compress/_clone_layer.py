"""Copies of layers and of other Keras operations, with their weights and `trainable` flags."""

from __future__ import annotations

from typing import Any

import keras

from kerazoo.errors import ConfigError
from kerazoo.layers._copy_weights import copy_weights


def clone_layer(layer: keras.Operation, name: str | None = None) -> Any:
    """A copy of `layer` with weights of its own, equal to those of `layer`.

    Args:
        layer: a layer, built or not, or another `keras.Operation`.
        name: of the copy; None keeps the name.

    Raises: ConfigError if the layer's config does not make the layer again.

    >>> dense = keras.layers.Dense(2, name="dense")
    >>> dense.build((None, 3))
    >>> copy = clone_layer(dense, name="copy")
    >>> copy.name, bool((copy.kernel.numpy() == dense.kernel.numpy()).all())
    ('copy', True)
    """
    if isinstance(layer, keras.layers.Lambda):
        raise ConfigError(
            f"The Lambda layer {layer.name!r} cannot be copied: write what it does with keras.ops, "
            f"or as a registered layer of its own."
        )
    try:
        clone = type(layer).from_config({**layer.get_config(), "name": name or layer.name})
    except (NotImplementedError, TypeError, ValueError) as error:
        raise ConfigError(
            f"The layer {layer.name!r} ({type(layer).__name__}) cannot be copied: give it a "
            f"`get_config` with all arguments, and register it. "
            f"{' '.join(str(error).split())[:200]}"
        ) from error
    if isinstance(layer, keras.layers.Layer) and layer.built:
        _copy_state(layer, clone)
    return clone


def _copy_state(layer: keras.layers.Layer, clone: Any) -> None:
    _build_as(layer, clone)
    copy_weights(layer, clone)
    originals, copies = layer._flatten_layers(), clone._flatten_layers()
    for original, copy in zip(originals, copies, strict=True):  # outer ones first
        copy.trainable = original.trainable


def _build_as(layer: keras.layers.Layer, clone: Any) -> None:
    """Build the clone and the layers in it, each on its own where the outer one builds nothing."""
    has_build = type(clone).build is not keras.layers.Layer.build
    if layer.built and not clone.built and has_build:
        clone.build_from_config(layer.get_build_config() or {})
    inner = (each._flatten_layers(include_self=False, recursive=False) for each in (layer, clone))
    for original, copy in zip(*inner, strict=True):
        _build_as(original, copy)
