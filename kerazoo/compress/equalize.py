"""Cross-layer equalisation (Nagel et al. 2019, arXiv:1906.04721, section 4.1)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from kerazoo.compress._channels import (
    CHANNELED,
    input_peaks,
    is_grouped,
    output_peaks,
    with_scaled_inputs,
    with_scaled_outputs,
)
from kerazoo.compress._fold_normalization import fold_normalization
from kerazoo.compress._graph import Graph
from kerazoo.compress._node import Node
from kerazoo.compress._unquantized import check_plain
from kerazoo.layers._folding import as_array
from kerazoo.notices import notice

MOST_ROUNDS = 100
ENOUGH = 1e-3
"""A round that changes no channel by more than this share is the last one."""

_layers = keras.layers
_MOVES_OR_AVERAGES = (
    *(_layers.MaxPooling1D, _layers.MaxPooling2D, _layers.MaxPooling3D),
    *(_layers.AveragePooling1D, _layers.AveragePooling2D, _layers.AveragePooling3D),
    *(_layers.GlobalMaxPooling1D, _layers.GlobalMaxPooling2D, _layers.GlobalMaxPooling3D),
    *(_layers.GlobalAveragePooling1D, _layers.GlobalAveragePooling2D),
    *(_layers.ZeroPadding1D, _layers.ZeroPadding2D, _layers.Cropping1D, _layers.Cropping2D),
    *(_layers.UpSampling1D, _layers.UpSampling2D, _layers.Flatten, _layers.Identity),
    *(_layers.Dropout, _layers.SpatialDropout1D, _layers.SpatialDropout2D),
)


def equalize(model: keras.Model) -> keras.Model:
    """A model with the same outputs whose channels use the range of the weights equally.

    For two layers with f(s x) = s f(x) between them, channel i of the first is divided by s_i and
    the weights of the second that meet it are multiplied by s_i = sqrt(r1_i / r2_i), with r1_i and
    r2_i the largest weights of the channel on either side: both become sqrt(r1_i r2_i). Pairs that
    share a layer are gone through again and again until nothing changes. It helps where one step
    serves all channels (dense layers, activations); int8 convolutions have a step per channel.

    Args:
        model: functional or Sequential; stays as it is. Batch normalizations that follow a
            convolution or dense layer are folded into it first.

    Returns: a flat functional model for inference and calibration, equal to 1e-5 or so of the
        largest output. Left alone are pairs with a ReLU6 between them, which is not homogeneous (a
        notice names the layers), grouped convolutions, and shared layers.

    Raises: ConfigError if the model is not built, pruned, clustered or quantized already, or a
        subclass with a `call` of its own.

    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2, "relu", name="a"),
    ...                           keras.layers.Dense(1, name="b")])
    >>> model.set_weights([np.array([[8.0, 1.0], [0.0, 0.0]]), np.zeros(2),
    ...                    np.array([[2.0], [4.0]]), np.zeros(1)])
    >>> equalize(model).get_layer("a").kernel.numpy()[0].tolist()
    [4.0, 2.0]
    """
    check_plain(model, "equalize")
    equalized = fold_normalization(model)
    graph = Graph.from_model(equalized)
    pairs = list(_pairs(graph))
    weights = {id(layer): _Weights.of(layer) for pair in pairs for layer in pair}
    for _ in range(MOST_ROUNDS):
        changes = [_balance(weights[id(first)], weights[id(second)]) for first, second in pairs]
        if max(changes, default=0.0) < ENOUGH:
            break
    for changed in weights.values():
        changed.assign()
    return equalized


@dataclass
class _Weights:
    """The weights of a layer while they change, in float64."""

    layer: Any
    kernel: np.ndarray
    bias: np.ndarray | None

    @classmethod
    def of(cls, layer: Any) -> _Weights:
        bias = as_array(layer.bias) if layer.use_bias else None
        return cls(layer, as_array(layer.kernel), bias)

    def assign(self) -> None:
        self.layer.kernel.assign(self.kernel)
        if self.bias is not None:
            self.layer.bias.assign(self.bias)


def _balance(first: _Weights, second: _Weights) -> float:
    """Equalise one pair; returns the largest change, as a share."""
    before = output_peaks(first.layer, first.kernel)
    after = input_peaks(second.layer, second.kernel, len(before))
    is_used = (before > 0) & (after > 0)  # a dead channel has no range to balance
    factor = np.sqrt(np.where(is_used, before, 1.0) / np.where(is_used, after, 1.0))
    first.kernel = with_scaled_outputs(first.layer, first.kernel, 1 / factor)
    if first.bias is not None:
        first.bias = first.bias / factor
    second.kernel = with_scaled_inputs(second.layer, second.kernel, factor)
    return float(np.abs(factor - 1).max())


def _pairs(graph: Graph) -> Iterator[tuple[Any, Any]]:
    """Layers that a chain of homogeneous operations joins, in the order of the graph."""
    clipped = []
    for node in graph.nodes:
        if not _is_candidate(graph, node):
            continue
        if _is_relu6(node.operation.activation):
            clipped.append(node.name)
        elif _is_homogeneous(node.operation.activation):
            after = _next_layer(node)
            if after is not None and _is_relu6_layer(after.operation):
                clipped.append(node.name)
            elif after is not None and _is_candidate(graph, after):
                yield node.operation, after.operation
    if clipped:
        notice(
            f"{graph.name}: not equalised, since a ReLU6 follows: {', '.join(clipped)}. Train the "
            f"model with plain ReLUs to have it equalised."
        )


def _is_candidate(graph: Graph, node: Node) -> bool:
    layer = node.operation
    return (
        type(layer) in CHANNELED
        and not is_grouped(layer)
        and getattr(layer, "data_format", "channels_last") == "channels_last"
        and len(graph.calls_of(layer)) == 1
    )


def _next_layer(node: Node) -> Node | None:
    """The first operation behind that is not homogeneous; None where the way branches or ends."""
    while not node.output.is_output and len(node.output.consumers) == 1:
        node = node.output.consumers[0]
        if not _is_homogeneous_layer(node.operation):
            return node
    return None


def _is_homogeneous_layer(layer: Any) -> bool:
    if type(layer) is _layers.Activation:
        return _is_homogeneous(layer.activation)
    if type(layer) is _layers.ReLU:
        return layer.max_value is None and layer.threshold == 0
    return type(layer) in (*_MOVES_OR_AVERAGES, _layers.LeakyReLU)


def _is_relu6_layer(layer: Any) -> bool:
    if type(layer) is _layers.ReLU:
        return layer.max_value is not None
    return _is_relu6(getattr(layer, "activation", None)) and type(layer) is _layers.Activation


def _is_homogeneous(activation: Any) -> bool:
    return activation in (keras.activations.linear, keras.activations.relu)


def _is_relu6(activation: Any) -> bool:
    return activation is keras.activations.relu6
