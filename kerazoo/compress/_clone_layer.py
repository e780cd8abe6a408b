"""Copies of layers and of other Keras operations, with their weights and `trainable` flags."""

from __future__ import annotations

from typing import Any

import keras

from kerazoo.errors import ConfigError


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
    if not clone.built:
        clone.build_from_config(layer.get_build_config() or {})
    clone.set_weights(layer.get_weights())
    originals, copies = layer._flatten_layers(), clone._flatten_layers()
    for original, copy in zip(originals, copies, strict=True):  # outer ones first
        copy.trainable = original.trainable
        if isinstance(copy, keras.layers.Normalization):
            copy.finalize_state()
