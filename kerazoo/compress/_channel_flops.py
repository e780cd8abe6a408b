"""Floating-point operations of a graph of which some channels are left out."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from kerazoo.compress._channel_rules import ChannelMap
from kerazoo.compress._channel_surgery import axes_of
from kerazoo.compress._graph import Graph
from kerazoo.compress._node import Node
from kerazoo.compress._weight_uses import weight_uses
from kerazoo.errors import ConfigError


class FlopCount:
    """Two operations (multiply, add) for each use of a weight of a matrix or a kernel, per sample.

    Vectors (biases, normalizations) and operations without weights are not counted.

    Raises: ConfigError if a size other than the batch's is not known.
    """

    def __init__(self, graph: Graph, channel_map: ChannelMap):
        self.terms = [term for node in graph.nodes for term in _terms(node, channel_map) if term[0]]

    def __call__(self, keep: np.ndarray) -> float:
        """Operations where only channels (by number) with `keep` True are there."""
        return float(
            sum(
                factor * math.prod(float(keep[channels].mean()) for channels in along)
                for factor, along in self.terms
            )
        )


def _terms(node: Node, channel_map: ChannelMap) -> list[tuple[float, list[np.ndarray]]]:
    """(operations of the whole weight, the channels along its axes) for each weight."""
    layer: Any = node.operation
    weights = [w for w in getattr(layer, "weights", ()) if len(w.shape) > 1 and w.name != "alpha"]
    if not weights or type(layer).__name__ == "Embedding":
        return []
    ends = {"in": channel_map.inputs_of(node)[0], "out": channel_map.of[id(node.outputs[0])]}
    ends["spread"] = ends["in"]
    terms = []
    for weight in weights:
        roles = set(axes_of(layer).get(weight.name, {}).values())
        if getattr(layer, "groups", 1) > 1:  # whole groups go: both ends shrink as one
            roles = {"out"}
        along = [end for role in sorted(roles) if (end := ends[role]) is not None]
        terms.append((2.0 * math.prod(weight.shape) * _uses(node, weight), along))
    return terms


def _uses(node: Node, weight: Any) -> int:
    uses = weight_uses(node, weight)
    if uses is None:
        raise ConfigError(
            f"`flops` needs an input of known size: the layer {node.name!r} works on "
            f"{node.inputs[0].shape[1:-1]}. Give `sparsity` instead, or make the model with "
            f"`keras.Input` of a fixed shape."
        )
    return uses
