"""Puts saved arrays into the variables of a Keras 3 model, each checked for shape and name."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import keras

from kerazoo.convert._saved_arrays import Arrays, Path, SavedArray
from kerazoo.errors import ConversionError


def assign_arrays(model: Any, arrays: Arrays, saved_names: dict[Path, str]) -> None:
    """Fill every weight of the model.

    Args:
        model: built.
        arrays: by path; a model in the model may have one list for all of its layers.
        saved_names: the name in the file of each layer, by its path of new names.

    Raises:
        ConversionError: a layer is missing in the file, has another number of weights, or one
            of another shape or name. Nothing is changed then.
    """
    pairs: list[tuple[Any, Any]] = []
    _match(model, (), (), arrays, saved_names, pairs)
    for variable, value in pairs:
        variable.assign(value)
    for layer in model._flatten_layers():
        if isinstance(layer, keras.layers.Normalization) and layer.built:
            layer.finalize_state()  # computes from the weights what calls use


def _match(
    model: Any, path: Path, saved: Path, arrays: Arrays, names: dict[Path, str], pairs: list
) -> None:
    for layer in model.layers:
        here = (*path, layer.name)
        there = (*saved, names.get(here, layer.name))
        if there in arrays:
            pairs += _paired(layer, "/".join(here), arrays[there])
        elif isinstance(layer, keras.Model):
            _match(layer, here, there, arrays, names, pairs)
        elif layer.weights:
            raise ConversionError(f"The file has no weights for layer {'/'.join(here)!r}.")


def _paired(layer: Any, name: str, saved: list[SavedArray]) -> Iterable[tuple[Any, Any]]:
    trainable, others = _in_saved_order(layer)
    variables = trainable + others
    if len(variables) != len(saved):
        raise ConversionError(
            f"Layer {name!r} has {len(variables)} weights, the file {len(saved)} for it: "
            f"{[tuple(v.shape) for v in variables]} and {[a.value.shape for a in saved]}."
        )
    for variable, array in zip(variables, saved, strict=True):
        if tuple(variable.shape) != array.value.shape:
            raise ConversionError(
                f"Layer {name!r}: {variable.path} has the shape {tuple(variable.shape)}, the "
                f"file's {array.name or 'array'} {array.value.shape}."
            )
        if array.name and not _is_same(_last(array.name), _last(variable.path)):
            raise ConversionError(
                f"Layer {name!r}: the file has {array.name!r} where {variable.path!r} is expected."
            )
    return [(v, array.value) for v, array in zip(variables, saved, strict=True)]


def _in_saved_order(layer: Any) -> tuple[list[Any], list[Any]]:
    """Trainable and other weights, each in Keras 2's order."""
    if not isinstance(layer, keras.Model):
        return list(layer.trainable_weights), list(layer.non_trainable_weights)
    parts = [_in_saved_order(sub) for sub in layer.layers]
    trainable = [variable for part in parts for variable in part[0]]
    return _once(trainable), _once([variable for part in parts for variable in part[1]])


def _once(variables: list[Any]) -> list[Any]:
    return list({id(variable): variable for variable in variables}.values())


def _is_same(old: str, new: str) -> bool:
    return old == new or (old, new) == ("depthwise_kernel", "kernel")


def _last(name: str) -> str:
    """`kernel` of "conv/kernel:0" and of "conv/kernel_1"."""
    return re.sub(r"(_\d+)?(:\d+)?$", "", name.rpartition("/")[2])
