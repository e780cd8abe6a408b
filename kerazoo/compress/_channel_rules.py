"""How the channels of a call's inputs become those of its outputs, for each kind of operation.

A rule gets the node and the channels of its inputs (arrays of `ChannelIds`, one for each tensor,
all with a known last axis) and returns the channels of its only output, or None if it does not
know: then all channels around the node stay.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import layers

from kerazoo.compress._channel_ids import ChannelIds
from kerazoo.compress._graph import Graph
from kerazoo.compress._node import Node, Value, values_in
from kerazoo.layers.drop_path import DropPath
from kerazoo.layers.monte_carlo_dropout import MonteCarloDropout

Channels = list[np.ndarray]
Rule = Callable[["ChannelMap", Node, Channels], "np.ndarray | None"]

CONVOLUTIONS = (layers.Conv1D, layers.Conv2D, layers.Conv3D)
TRANSPOSED = (layers.Conv1DTranspose, layers.Conv2DTranspose, layers.Conv3DTranspose)
SEPARABLE = (layers.SeparableConv1D, layers.SeparableConv2D)
DEPTHWISE = (layers.DepthwiseConv1D, layers.DepthwiseConv2D)
RECURRENT = (layers.LSTM, layers.GRU, layers.SimpleRNN)

# Functions of all channels together, or of pairs of them.
ACROSS_CHANNELS = ("softmax", "log_softmax", "glu", "sparsemax", "threshold")

_SAME = (
    *(layers.Activation, layers.ReLU, layers.LeakyReLU, layers.ELU, layers.Identity),
    *(layers.Dropout, layers.SpatialDropout1D, layers.SpatialDropout2D, layers.SpatialDropout3D),
    *(layers.GaussianNoise, layers.GaussianDropout, layers.ActivityRegularization),
    *(layers.MaxPooling1D, layers.MaxPooling2D, layers.MaxPooling3D),
    *(layers.AveragePooling1D, layers.AveragePooling2D, layers.AveragePooling3D),
    *(layers.GlobalMaxPooling1D, layers.GlobalMaxPooling2D, layers.GlobalMaxPooling3D),
    *(layers.GlobalAveragePooling1D, layers.GlobalAveragePooling2D),
    *(layers.GlobalAveragePooling3D, layers.RepeatVector, layers.BatchNormalization, layers.PReLU),
    *(layers.ZeroPadding1D, layers.ZeroPadding2D, layers.ZeroPadding3D),
    *(layers.Cropping1D, layers.Cropping2D, layers.Cropping3D),
    *(layers.UpSampling1D, layers.UpSampling2D, layers.UpSampling3D),
    *(DropPath, MonteCarloDropout),
)
_MERGING = (
    *(layers.Add, layers.Subtract, layers.Multiply),
    *(layers.Average, layers.Maximum, layers.Minimum),
)
_ELEMENTWISE = {
    *("Relu", "Relu6", "LeakyRelu", "Elu", "Selu", "Celu", "Gelu", "Silu", "Mish", "Sigmoid"),
    *("HardSigmoid", "HardSilu", "HardTanh", "Tanh", "Softplus", "Softsign", "LogSigmoid"),
    *("Absolute", "Abs", "Negative", "Square", "Sqrt", "Rsqrt", "Exp", "Clip", "Cast"),
    *("Add", "Subtract", "Multiply", "Divide", "TrueDivide", "Maximum", "Minimum", "Power"),
}
_REDUCTIONS = {"Mean", "Sum", "Max", "Min"}


class ChannelMap:
    """The channels of every tensor of a graph.

    Attributes:
        ids: the forest they are from.
        of: by `id` of a `Value`: its channels, or None if its last axis has no known size.
        owned: by `id` of a layer that makes channels: those, and the layer.
    """

    def __init__(self, graph: Graph):
        self.ids = ChannelIds()
        self.of: dict[int, np.ndarray | None] = {}
        self.owned: dict[int, tuple[Any, np.ndarray]] = {}
        self._taken: dict[int, np.ndarray] = {}
        for node in graph.nodes:
            self._add(node)
        for value in keras.tree.flatten(graph.outputs):
            self.ids.freeze(self.of[id(value)])

    def inputs_of(self, node: Node) -> list[np.ndarray | None]:
        """The channels of each tensor that the node takes, masks left out."""
        masks = set(map(id, _masks(node)))
        return [self.of[id(value)] for value in node.inputs if id(value) not in masks]

    def _add(self, node: Node) -> None:
        for mask in _masks(node):
            self.ids.freeze(self.of[id(mask)])
        taken = self.inputs_of(node)
        inputs = [channels for channels in taken if channels is not None]
        known = inputs and len(inputs) == len(taken) and len(node.outputs) == 1
        rule = _rule_of(node.operation)
        output = rule(self, node, inputs) if rule is not None and known else None
        if output is not None:
            self.of[id(node.output)] = output
            return
        for channels in inputs:
            self.ids.freeze(channels)
        for value in node.outputs:
            size = value.shape[-1] if len(value.shape) > 1 else None
            self.of[id(value)] = None if size is None else self.ids.new(size)
            self.ids.freeze(self.of[id(value)])

    def made_by(self, layer: Any, count: int) -> np.ndarray:
        """The channels that `layer` makes: in each of its calls the same."""
        if id(layer) not in self.owned:
            self.owned[id(layer)] = (layer, self.ids.new(count))
        return self.owned[id(layer)][1]

    def taken_by(self, layer: Any, channels: np.ndarray) -> np.ndarray:
        """Note that `layer` has weights for `channels`: in each of its calls the same."""
        first = self._taken.setdefault(id(layer), channels)
        self.ids.tie(first, channels)
        return channels


def _masks(node: Node) -> list[Value]:
    """Which steps count, as `mask_zero` of an Embedding says it to the layers behind."""
    return values_in(node.kwargs.get("mask"))


def _rule_of(operation: Any) -> Rule | None:
    if getattr(operation, "data_format", None) == "channels_first":
        return None
    for classes, rule in _RULES:
        if type(operation) in classes:  # a subclass may compute something else
            return rule
    if isinstance(operation, layers.Layer):
        return None
    kind = type(operation).__name__
    if kind in _ELEMENTWISE:
        return _elementwise
    return _reduced if kind in _REDUCTIONS else None


def is_elementwise(activation: Any) -> bool:
    """Whether an activation works on each channel for itself, as far as is known."""
    if activation is None:
        return True
    name = getattr(activation, "__name__", "")
    is_keras = getattr(keras.activations, name, None) is activation
    return is_keras and name not in ACROSS_CHANNELS


def _same(channel_map: ChannelMap, node: Node, inputs: Channels) -> np.ndarray | None:
    (channels,) = inputs
    layer = node.operation
    if isinstance(layer, layers.BatchNormalization):
        axes = {layer.axis} if isinstance(layer.axis, int) else set(layer.axis)
        if axes - {-1, len(node.inputs[0].shape) - 1}:
            return None
    if isinstance(layer, layers.Activation) and not is_elementwise(layer.activation):
        return None
    if isinstance(layer, layers.PReLU) and len(node.inputs[0].shape) - 1 in (
        layer.shared_axes or ()
    ):
        return channels
    return channel_map.taken_by(layer, channels) if layer.weights else channels


def _made(channel_map: ChannelMap, node: Node, inputs: Channels) -> np.ndarray | None:
    layer = node.operation
    if not is_elementwise(getattr(layer, "activation", None)):
        return None
    if not isinstance(layer, layers.Embedding):
        channel_map.taken_by(layer, inputs[0])
    made = channel_map.made_by(layer, node.output.channels)
    groups = getattr(layer, "groups", 1)
    if groups > 1:  # a group goes as a whole: what it reads and what it makes
        parts = np.split(inputs[0], groups), np.split(made, groups)
        for read, written in zip(*parts, strict=True):
            tied = np.concatenate([read, written])
            channel_map.ids.tie(tied[:-1], tied[1:])
    return made


def _depthwise(channel_map: ChannelMap, node: Node, inputs: Channels) -> np.ndarray | None:
    layer = node.operation
    if not is_elementwise(layer.activation):
        return None
    return np.repeat(channel_map.taken_by(layer, inputs[0]), layer.depth_multiplier)


def _recurrent(channel_map: ChannelMap, node: Node, inputs: Channels) -> np.ndarray | None:
    """What it reads can go; its own units are tied by the recurrence and stay."""
    if len(inputs) != 1:
        return None
    channel_map.taken_by(node.operation, inputs[0])
    made = channel_map.ids.new(node.output.channels)
    channel_map.ids.freeze(made)
    return made


def _merged(channel_map: ChannelMap, node: Node, inputs: Channels) -> np.ndarray | None:
    """The sum or product of tensors; one with a single channel is spread over all."""
    size = node.output.shape[-1]
    if len({len(value.shape) for value in node.inputs}) > 1:
        return None
    wide = [channels for channels in inputs if len(channels) == size]
    for channels in inputs:
        if len(channels) != size:
            channel_map.ids.freeze(channels)
    for channels in wide[1:]:
        channel_map.ids.tie(wide[0], channels)
    return wide[0] if wide else None


def _elementwise(channel_map: ChannelMap, node: Node, inputs: Channels) -> np.ndarray | None:
    arguments = keras.tree.flatten((node.args, node.kwargs))
    constants = [leaf for leaf in arguments if not isinstance(leaf, Value)]
    if any(len(getattr(leaf, "shape", ())) for leaf in constants):  # numbers for each channel
        return None
    return _merged(channel_map, node, inputs)


def _concatenated(channel_map: ChannelMap, node: Node, inputs: Channels) -> np.ndarray | None:
    if node.operation.axis in (-1, len(node.output.shape) - 1):
        return np.concatenate(inputs)
    return _merged(channel_map, node, inputs)


def _reshaped(channel_map: ChannelMap, node: Node, inputs: Channels) -> np.ndarray | None:
    """Row-major: a last axis k times as long holds the channels k times over."""
    (channels,) = inputs
    size = node.output.shape[-1]
    if size is None or size % len(channels):
        return None
    return np.tile(channels, size // len(channels))


def _permuted(channel_map: ChannelMap, node: Node, inputs: Channels) -> np.ndarray | None:
    return inputs[0] if node.operation.dims[-1] == len(node.operation.dims) else None


def _rescaled(channel_map: ChannelMap, node: Node, inputs: Channels) -> np.ndarray | None:
    layer = node.operation
    return None if np.ndim(layer.scale) or np.ndim(layer.offset) else inputs[0]


def _reduced(channel_map: ChannelMap, node: Node, inputs: Channels) -> np.ndarray | None:
    axis = node.operation.axis
    if axis is None:
        return None
    rank = len(node.inputs[0].shape)
    axes = {axis % rank} if isinstance(axis, int) else {one % rank for one in axis}
    return None if rank - 1 in axes else inputs[0]


_RULES: tuple[tuple[Any, Rule], ...] = (
    # Depthwise and separable ones first: Keras derives none of them from Conv, but may.
    (DEPTHWISE, _depthwise),
    ((*SEPARABLE, *TRANSPOSED, *CONVOLUTIONS, layers.Dense, layers.Embedding), _made),
    (RECURRENT, _recurrent),
    (_SAME, _same),
    (_MERGING, _merged),
    ((layers.Concatenate,), _concatenated),
    ((layers.Flatten, layers.Reshape), _reshaped),
    ((layers.Permute,), _permuted),
    ((layers.Rescaling,), _rescaled),
)
