"""How often a layer uses each number of a weight for one sample; operations follow from it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras

from kerazoo.compress._node import Node

_TRANSPOSED = (
    keras.layers.Conv1DTranspose,
    keras.layers.Conv2DTranspose,
    keras.layers.Conv3DTranspose,
)


def weight_uses(node: Node, weight: keras.Variable) -> int | None:
    """The uses in the call `node` for one sample; None where a size is not known.

    A kernel is used at each place of the output: of each step in time, if it is recurrent. Kernels
    of transposed convolutions are used at each place of the input; those for the keys and values of
    attention at each place of the values.
    """
    sizes = _sizes(node, weight)
    if sizes is None or None in sizes:
        return None
    return math.prod(size for size in sizes if size is not None)


def _sizes(node: Node, weight: keras.Variable) -> Sequence[int | None] | None:
    layer: Any = node.operation
    if isinstance(layer, keras.layers.EinsumDense):
        return _places_of_einsum(layer, node.inputs[0].shape)
    if type(layer).__name__.startswith("ConvLSTM"):
        frames = node.outputs[0].shape[1:]
        return (node.inputs[0].shape[1], *_places(layer, frames[layer.return_sequences :]))
    is_by_input = isinstance(layer, _TRANSPOSED) or hasattr(layer, "return_sequences")
    value = node.inputs[0] if is_by_input else node.outputs[0]
    if _reads_values(layer, weight):
        value = node.inputs[1]
    return _places(layer, value.shape[1:])


def _places(layer: Any, shape: Sequence[int | None]) -> Sequence[int | None]:
    """All axes of one sample but that of its channels."""
    is_first = getattr(layer, "data_format", None) == "channels_first"
    return shape[1:] if is_first else shape[:-1]


def _places_of_einsum(
    layer: keras.layers.EinsumDense, shape: Sequence[int | None]
) -> Sequence[int | None] | None:
    """The product of the axes of the input that the kernel does not have."""
    if None in shape[1:]:
        return None
    read, kernel = layer.equation.replace(" ", "").split("->")[0].split(",")
    taken = [
        size for letter, size in zip(kernel, layer.kernel.shape, strict=True) if letter in read
    ]
    return (math.prod(size or 1 for size in shape[1:]) // math.prod(taken),)


def _reads_values(layer: Any, weight: keras.Variable) -> bool:
    kinds = (keras.layers.MultiHeadAttention, keras.layers.GroupQueryAttention)
    return isinstance(layer, kinds) and weight.path.split("/")[-2] in ("key", "value")
