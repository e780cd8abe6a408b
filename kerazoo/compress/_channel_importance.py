"""How much a channel matters, by the size of the filters that make it.

Source: Li et al. 2017, arXiv:1608.08710 (norm of the filter); Liu et al. 2017, arXiv:1708.06519
(gamma of the batch normalization after it). Changed: filters that are tied to one another
(residual sums) are judged together, as in Fang et al. 2023, arXiv:2301.12900 (group norm), and
scores are relative to their group's, so that layers of other scales can be ranked in one list.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers

from kerazoo.compress._channel_rules import DEPTHWISE, ChannelMap
from kerazoo.compress._channel_surgery import axes_of
from kerazoo.compress._graph import Graph
from kerazoo.compress._node import Node


def channel_scores(graph: Graph, channel_map: ChannelMap, roots: np.ndarray) -> np.ndarray:
    """The score of each set of channels, at the place of the channel that stands for it.

    The L2 norm of each filter, times |gamma| / sigma where a batch normalization alone follows,
    relative to the layer's root mean square; then the root mean square over all filters of a set.
    Sets to which no filter belongs have 0.
    """
    sums, counts = np.zeros(len(roots)), np.zeros(len(roots))
    seen: set[int] = set()
    for node in graph.nodes:
        channels = channel_map.of[id(node.outputs[0])] if len(node.outputs) == 1 else None
        norms = None if id(node.operation) in seen else _filter_norms(node)
        if channels is None or norms is None:
            continue
        seen.add(id(node.operation))
        squares = (norms * _normalization_scale(node)) ** 2
        squares /= max(float(squares.mean()), 1e-30)
        np.add.at(sums, roots[channels], squares)
        np.add.at(counts, roots[channels], 1)
    return np.sqrt(sums / np.maximum(counts, 1))


def _filter_norms(node: Node) -> np.ndarray | None:
    """L2 norm of what makes each output channel; None for what has no filters."""
    layer = node.operation
    axes = axes_of(layer)
    if type(layer) in DEPTHWISE:
        kernel = _array(layer.kernel)
        return np.sqrt((kernel**2).sum(tuple(range(kernel.ndim - 2)))).reshape(-1)
    for weight in getattr(layer, "weights", ()):
        makes = [axis for axis, role in axes.get(weight.name, {}).items() if role == "out"]
        if makes and weight.name != "bias":
            kernel = np.moveaxis(_array(weight), makes[0], -1)
            return np.sqrt((kernel**2).reshape(-1, kernel.shape[-1]).sum(0))
    return None


def _normalization_scale(node: Node) -> np.ndarray | float:
    """|gamma| / sigma of the batch normalization that alone takes the node's output; else 1."""
    consumers = node.output.consumers
    if len(consumers) != 1 or type(consumers[0].operation) is not layers.BatchNormalization:
        return 1.0
    norm: Any = consumers[0].operation
    gamma = np.abs(_array(norm.gamma)) if norm.scale else 1.0
    return gamma / np.sqrt(_array(norm.moving_variance) + norm.epsilon)


def _array(weight: Any) -> np.ndarray:
    return keras.ops.convert_to_numpy(weight).astype("float64")
