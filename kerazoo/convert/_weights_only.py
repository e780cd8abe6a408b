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
    """Fill `model` from the source; by layer name, or in order where none of the names is there.

    Raises:
        ConversionError: the model is not built, only some of its names are there, or its weights
            do not fit. It is unchanged then.
    """
    if not isinstance(model, keras.Model) or not model.built:
        raise ConversionError(
            f"`model` must be a Keras 3 model that is built. Received: {type(model).__name__}, "
            f"built={getattr(model, 'built', False)}."
        )
    arrays = source.arrays(_outline(model))
    wanted = [layer.name for layer in model.layers if layer.weights]
    names = zip(wanted, _saved_names(wanted, arrays), strict=True)
    assign_arrays(model, arrays, {(name,): saved for name, saved in names})
    return model


def _outline(model: Any) -> ModelSpec:
    """The layers and their classes, by which some files keep weights."""
    layers = []
    for layer in model.layers:
        spec = LayerSpec(layer.name, type(layer).__name__, {}, saved_name=layer.name)
        spec.model = _outline(layer) if isinstance(layer, keras.Model) else None
        layers.append(spec)
    return ModelSpec(model.name, layers)


def _saved_names(wanted: list[str], arrays: Arrays) -> list[str]:
    """The file's name for each layer: the same; or, where none is there, those with weights in
    order."""
    there = list(dict.fromkeys(path[0] for path, values in arrays.items() if values))
    # A layer called "scaled/norm" is "scaled_norm" in Keras 3, which allows no "/".
    known = {name.replace("/", "_"): name for name in there} | {name: name for name in there}
    missing = [name for name in wanted if name not in known]
    if not missing:
        return [known[name] for name in wanted]
    if len(missing) < len(wanted):
        raise ConversionError(
            f"The file has weights for some of the model's layers, and none for "
            f"{', '.join(missing)[:200]}; it has {', '.join(there)[:200]}. Name all layers as the "
            f"file does, or none of them: they are filled in order then."
        )
    if len(there) != len(wanted):
        raise ConversionError(
            f"The model has {len(wanted)} layers with weights, the file {len(there)}: "
            f"{', '.join(wanted)[:200]} and {', '.join(there)[:200]}."
        )
    return there
