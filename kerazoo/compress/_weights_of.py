"""Which weights pruning and clustering are for, and where they are inside of their layers.

Kernels that multiply inputs and tables of embeddings; never biases, the scales of normalizations
or depthwise kernels: these are few, and each counts. The rule is the one of TensorFlow Model
Optimization (prune_registry.py), read off the layers inside of composite ones, so it holds for any
layer made of Keras layers. A layer with weights of its own names them in the attribute
`compressible_weights`, a tuple of names.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import keras
from keras import layers

from kerazoo.errors import unknown_name

_KERNEL, _RECURRENT = ("kernel",), ("kernel", "recurrent_kernel")
_DEPTHWISE = (layers.DepthwiseConv1D, layers.DepthwiseConv2D)
_TRANSPOSED = (layers.Conv1DTranspose, layers.Conv2DTranspose, layers.Conv3DTranspose)
_NAMES: dict[tuple[type, ...], tuple[str, ...]] = {
    _DEPTHWISE: (),
    (layers.SeparableConv1D, layers.SeparableConv2D): ("pointwise_kernel",),
    (layers.Conv1D, layers.Conv2D, layers.Conv3D, *_TRANSPOSED): _KERNEL,
    (layers.Dense, layers.EinsumDense): _KERNEL,
    (layers.Embedding,): ("embeddings",),
    (layers.SimpleRNNCell, layers.LSTMCell, layers.GRUCell): _RECURRENT,
}


@dataclass(frozen=True)
class CompressibleWeight:
    """One weight, found by `compressible_weights`."""

    path: str
    """Inside of the outer layer: "kernel", "query/kernel", "cell/recurrent_kernel"."""
    variable: keras.Variable
    owner: keras.Layer
    """The layer that has the variable: the outer layer or one inside of it."""
    input_axis: int
    """Axis over which products with inputs are summed; of several, the last. For m:n patterns."""
    output_axis: int = -1
    """Axis of the output channels: for blocks, and for values of each channel."""


def compressible_weights(layer: keras.Layer) -> list[CompressibleWeight]:
    """The weights of a built layer and of the layers inside of it, each variable once.

    >>> separable = layers.SeparableConv2D(4, 3)
    >>> separable.build((None, 8, 8, 2))
    >>> [weight.path for weight in compressible_weights(separable)]
    ['pointwise_kernel']
    """
    found: dict[int, CompressibleWeight] = {}
    for weight in _walk(layer, ""):
        found.setdefault(id(weight.variable), weight)
    return list(found.values())


def weight_at(layer: keras.Layer, path: str) -> keras.Variable:
    """The variable at `path` inside of `layer`.

    Raises: UnknownNameError if there is none.
    """
    *steps, name = path.split("/")
    for step in steps:
        children = dict(_children(layer))
        if step not in children:
            raise unknown_name(f"layer inside of {layer.name!r}", step, children)
        layer = children[step]
    own = {variable.name: variable for variable in _own_variables(layer)}
    if name not in own:
        raise unknown_name(f"weight of the layer {layer.name!r}", name, own)
    return own[name]


def _walk(layer: keras.Layer, prefix: str) -> Iterator[CompressibleWeight]:
    names = _names_of(layer)
    if names is None:
        for step, child in _children(layer):
            yield from _walk(child, f"{prefix}{step}/")
        return
    own = {variable.name: variable for variable in _own_variables(layer)}
    for name in names:
        if name in own:
            output_axis = -2 if isinstance(layer, _TRANSPOSED) else -1
            axes = (_input_axis(layer), output_axis)
            yield CompressibleWeight(f"{prefix}{name}", own[name], layer, *axes)


def _names_of(layer: keras.Layer) -> tuple[str, ...] | None:
    """None if the layer has no weights of this kind itself: then those inside of it count."""
    named = getattr(layer, "compressible_weights", None)
    if named is not None:
        return tuple(named)
    matches = (names for kinds, names in _NAMES.items() if isinstance(layer, kinds))
    found = next(matches, None)
    if found is None and type(layer).__name__.startswith("ConvLSTMCell"):  # not a public name
        return _RECURRENT
    return found


def _input_axis(layer: keras.Layer) -> int:
    if isinstance(layer, (*_TRANSPOSED, layers.Embedding)):
        return -1
    if isinstance(layer, layers.EinsumDense):
        kernel, output = layer.equation.replace(" ", "").split(",")[1].split("->")
        summed = [axis for axis, letter in enumerate(kernel) if letter not in output]
        return summed[-1] - len(kernel) if summed else -1
    return -2


def _own_variables(layer: keras.Layer) -> list[keras.Variable]:
    return [*layer._trainable_variables, *layer._non_trainable_variables]


def _children(layer: keras.Layer) -> Iterator[tuple[str, keras.Layer]]:
    """Layers directly inside: by the public attribute that holds one, else by the layer's name."""
    attributes = {
        id(value): name
        for name, value in vars(layer).items()
        if isinstance(value, keras.Layer) and not name.startswith("_")
    }
    counts: dict[str, int] = {}
    for child in _unique(layer._layers):
        step = attributes.get(id(child), child.name)
        counts[step] = counts.get(step, 0) + 1
        yield step if counts[step] == 1 else f"{step}_{counts[step]}", child


def _unique(items: Any) -> list[Any]:
    return list({id(item): item for item in items}.values())
