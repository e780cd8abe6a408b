"""Which batch normalization an integer file folds into the layer before it."""

from __future__ import annotations

import keras

from kerazoo.compress._graph import Graph
from kerazoo.compress._node import Node
from kerazoo.compress._quantized_layer import unconstrained


def normalization_behind(graph: Graph, node: Node) -> Node | None:
    """The call of a BatchNormalization that alone sees what the layer of `node` gives.

    None if something else sees it too, either of them is shared, the layer has an activation of its
    own, or the normalization counts its channels along another axis than the last.
    """
    layer = unconstrained(node.operation)
    if layer.activation is not keras.activations.linear:
        return None
    if node.output.is_output or len(node.output.consumers) != 1:
        return None
    behind = node.output.consumers[0]
    if type(behind.operation) is not keras.layers.BatchNormalization:
        return None
    is_alone = len(graph.calls_of(node.operation)) == len(graph.calls_of(behind.operation)) == 1
    return behind if is_alone and _is_by_last_axis(behind) else None


def _is_by_last_axis(node: Node) -> bool:
    axis = node.operation.axis
    axis = axis[0] if isinstance(axis, list | tuple) else axis
    return axis in (-1, len(node.output.shape) - 1)
