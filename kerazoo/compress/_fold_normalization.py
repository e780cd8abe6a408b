"""Batch normalizations folded into the convolutions and dense layers before them, in a new model.

gamma (W x + b - mean) / sqrt(variance + epsilon) + beta = (g W) x + (g b + beta - g mean) with
g = gamma / sqrt(variance + epsilon): the same outputs in inference, for training no more.
Source: Jacob et al. 2018, arXiv:1712.05877, section 3.2.
"""

from __future__ import annotations

from typing import Any

import keras

from kerazoo.compress._channels import CHANNELED, with_scaled_outputs
from kerazoo.compress._composite_layers import is_composite
from kerazoo.compress._folding import scale_and_offset
from kerazoo.compress._graph import Graph
from kerazoo.compress._node import Node
from kerazoo.compress._normalization_behind import normalization_behind


def fold_normalization(model: keras.Model) -> keras.Model:
    """A flat functional model with the same outputs in inference.

    Normalizations stay that do not follow a convolution or dense layer, or follow one that is
    shared, has an activation of its own, or gives its output to others too.

    Raises: ConfigError if the model is a subclass with a `call` of its own, or not built.
    """
    graph = Graph.from_model(model, expand=is_composite)
    folded = dict(filter(None, (_pair(graph, node) for node in graph.nodes)))
    normalizations = {id(node.operation) for node in folded.values()}

    def replace(node: Node, *args: Any, **kwargs: Any) -> Any:
        if id(node.operation) in normalizations:
            return args[0]
        if node in folded:
            return _folded(node, folded[node].operation)(*args, **kwargs)
        return None

    return graph.rebuild(replace)


def _pair(graph: Graph, node: Node) -> tuple[Node, Node] | None:
    """A layer's node and that of the normalization to fold into it."""
    if type(node.operation) not in CHANNELED:  # a subclass may compute something else
        return None
    behind = normalization_behind(graph, node)
    return None if behind is None else (node, behind)


def _folded(node: Node, normalization: Any) -> Any:
    layer = node.operation
    config = {**layer.get_config(), "name": node.name, "use_bias": True}
    folded = type(layer).from_config(config)
    folded.build(node.inputs[0].shape)
    folded.trainable = node.trainable
    scale, offset = map(keras.ops.convert_to_numpy, scale_and_offset(normalization))
    kernel = keras.ops.convert_to_numpy(layer.kernel)
    bias = keras.ops.convert_to_numpy(layer.bias) if layer.use_bias else 0.0
    folded.kernel.assign(with_scaled_outputs(layer, kernel, scale))
    folded.bias.assign(bias * scale + offset)
    return folded
