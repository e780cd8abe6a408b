"""Batch normalizations without negative factors, their signs moved into the kernels before them.

An integer file folds the factor g = gamma / sigma of each channel into the kernel. Kernels of few
values have one step for all channels, times |g|: the integers of a channel with g < 0 are those
values mirrored, so that the file would hold up to twice as many. The same function has another
form: with kernel, bias, moving mean and gamma of the channel all negated, g is above 0.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from kerazoo.compress._composite_layers import is_composite
from kerazoo.compress._graph import Graph
from kerazoo.compress._node import Node
from kerazoo.compress._normalization_behind import normalization_behind
from kerazoo.compress._quantized_layer import has_one_range, unconstrained

_layers = keras.layers
_KERNELS: dict[type, str] = {
    **dict.fromkeys((_layers.Conv1D, _layers.Conv2D, _layers.Conv3D), "kernel"),
    **dict.fromkeys((_layers.SeparableConv1D, _layers.SeparableConv2D), "pointwise_kernel"),
}
"""The layers that have a step per channel in a file, and what a normalization is folded into."""


def make_factors_positive(model: keras.Model) -> None:
    """Change the weights of `model` so that it computes the same with gamma >= 0.

    Left alone are layers that hold few values already, or have a constraint of their own on kernel
    or gamma.
    """
    graph = Graph.from_model(model, expand=is_composite)
    for node, behind in _pairs(graph):
        _negate(unconstrained(node.operation), behind.operation)


def _pairs(graph: Graph) -> Iterator[tuple[Node, Node]]:
    for node in graph.nodes:
        layer = unconstrained(node.operation)
        if type(layer) not in _KERNELS or has_one_range(node.operation):
            continue
        behind = normalization_behind(graph, node)
        if behind is not None and not _is_bound(layer, behind.operation):
            yield node, behind


def _is_bound(layer: Any, normalization: Any) -> bool:
    names = ("kernel_constraint", "pointwise_constraint", "bias_constraint")
    given = [getattr(layer, name, None) for name in names]
    return any(each is not None for each in (*given, normalization.gamma_constraint))


def _negate(layer: Any, normalization: Any) -> None:
    """Negate all that belongs to the channels with a negative gamma."""
    if not normalization.scale:
        return
    sign = np.where(keras.ops.convert_to_numpy(normalization.gamma) < 0, -1.0, 1.0)
    variables = [getattr(layer, _KERNELS[type(layer)]), normalization.gamma]
    variables += [normalization.moving_mean, *([layer.bias] if layer.use_bias else [])]
    for variable in variables:  # the last axis of a kernel counts the output channels
        variable.assign(keras.ops.convert_to_numpy(variable) * sign)
