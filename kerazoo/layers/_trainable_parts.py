"""The `trainable` of a layer that is made of layers."""

from __future__ import annotations

import keras


def freeze_parts_with(layer: keras.Layer) -> None:
    """Freeze what a frozen layer is made of: the last line of its `build`, when all is there.

    Setting `trainable` reaches the layers inside, but what comes by the constructor, from a file or
    from `clone_model`, stays with the layer alone. A normalization inside would use the batch's
    statistics and move its averages, and weights inside would be trained.
    """
    if layer.trainable:
        return
    for part in layer._flatten_layers(include_self=False):
        part.trainable = False
