"""BatchNormalization over the global batch, wherever it is in a model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kerazoo.notices import notice

if TYPE_CHECKING:
    import keras


def synchronize_normalization(model: keras.Model, replicas: int) -> None:
    """Set `synchronized=True` on all BatchNormalization layers of `model`, and say so once.

    Else each replica normalizes by its own part of the batch, and keeps moving statistics that
    differ from the others': results would depend on the number of replicas, and a saved model on
    who saved it. Costs three small exchanges per layer and step. In a saved model the setting does
    nothing, unless it is trained on several replicas again.
    """
    import keras

    layers = [
        layer
        for layer in model._flatten_layers()
        if isinstance(layer, keras.layers.BatchNormalization) and not layer.synchronized
    ]
    for layer in layers:
        layer.synchronized = True
    if layers:
        notice(
            f"{model.name}: its {len(layers)} BatchNormalization layers take their statistics over "
            f"all {replicas} replicas (synchronized=True), so that the results are those of one "
            f"device."
        )
