"""Weights of a file into a model of one's own: nothing else of the file is used."""

from __future__ import annotations

from typing import Any

import keras

from kerazoo.convert._assign_arrays import assign_arrays
from kerazoo.convert._saved_arrays import Arrays
from kerazoo.convert._source import Source
from kerazoo.convert._spec import LayerSpec, ModelSpec
from kerazoo.errors import ConversionError


def take_weights(source: Source, model: Any) -> Any:
    """Fill `model` from the source; by layer name, or in order where the names are not there.

    Raises:
        ConversionError: the model is not built, or its weights do not fit. It is unchanged then.
    """
    if not isinstance(model, keras.Model) or not model.built:
        raise ConversionError(
            f"`model` must be a Keras 3 model that is built. Received: {type(model).__name__}, "
            f"built={getattr(model, 'built', False)}."
        )
    arrays = source.arrays(_outline(model))
    wanted = [layer.name for layer in model.layers if layer.weights]
    known = {path[0] for path in arrays}
    names = {} if known >= set(wanted) else _in_order(wanted, arrays)
    assign_arrays(model, arrays, names)
    return model


def _outline(model: Any) -> ModelSpec:
    """The layers and their classes, by which some files keep weights."""
    layers = []
    for layer in model.layers:
        spec = LayerSpec(layer.name, type(layer).__name__, {}, saved_name=layer.name)
        spec.model = _outline(layer) if isinstance(layer, keras.Model) else None
        layers.append(spec)
    return ModelSpec(model.name, layers)


def _in_order(wanted: list[str], arrays: Arrays) -> dict[tuple[str, ...], str]:
    """The file's name for each layer: those that have weights, in order."""
    there = list(dict.fromkeys(path[0] for path, values in arrays.items() if values))
    if len(there) != len(wanted):
        raise ConversionError(
            f"The model has {len(wanted)} layers with weights, the file {len(there)}: "
            f"{', '.join(wanted)[:200]} and {', '.join(there)[:200]}."
        )
    return {(name,): other for name, other in zip(wanted, there, strict=True)}
