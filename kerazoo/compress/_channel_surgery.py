"""The smaller model: layers made again with fewer channels, and the weights that remain."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers

from kerazoo.compress import _channel_rules as rules
from kerazoo.compress._graph import Graph
from kerazoo.compress._node import Node

# Axis of a weight: which channels lie along it. "spread" are the inputs, each as often as a
# separable convolution's depth multiplier says.
_VECTORS = ("gamma", "beta", "moving_mean", "moving_variance", "alpha")
_AXES: tuple[tuple[Any, dict[str, dict[int, str]]], ...] = (
    (rules.DEPTHWISE, {"kernel": {-2: "in"}, "bias": {-1: "out"}}),
    (
        rules.SEPARABLE,
        {
            "depthwise_kernel": {-2: "in"},
            "pointwise_kernel": {-2: "spread", -1: "out"},
            "bias": {-1: "out"},
        },
    ),
    (rules.TRANSPOSED, {"kernel": {-2: "out", -1: "in"}, "bias": {-1: "out"}}),
    ((*rules.CONVOLUTIONS, layers.Dense), {"kernel": {-2: "in", -1: "out"}, "bias": {-1: "out"}}),
    ((layers.Embedding,), {"embeddings": {-1: "out"}}),
    (rules.RECURRENT, {"kernel": {0: "in"}, "recurrent_kernel": {}, "bias": {}}),
    (
        (layers.BatchNormalization, layers.PReLU),
        {name: {-1: "in"} for name in _VECTORS},
    ),
)
_WIDTHS = {"filters", "units", "output_dim"}


def axes_of(layer: Any) -> dict[str, dict[int, str]]:
    """By name of a weight: "in", "out" or "spread" for each axis along which channels lie."""
    for classes, axes in _AXES:
        if type(layer) in classes:
            return axes
    return {}


def without_channels(graph: Graph, channel_map: rules.ChannelMap, keep: np.ndarray) -> keras.Model:
    """The model of `graph` with only those channels for which `keep` (by number) is True."""
    made: dict[int, Any] = {}

    def replace(node: Node, *args: Any, **kwargs: Any) -> Any:
        masks = [keep[c] for c in channel_map.inputs_of(node) if c is not None]
        outputs = [channel_map.of[id(value)] for value in node.outputs]
        out = [keep[c] for c in outputs if c is not None]
        if node.is_input or all(mask.all() for mask in (*masks, *out)):
            return None
        if id(node.operation) in made:
            return made[id(node.operation)](*args, **kwargs)
        layer = made[id(node.operation)] = _remade(node, out[0])
        result = layer(*args, **kwargs)
        if isinstance(layer, layers.Layer):
            layer.set_weights(_kept_weights(node.operation, masks, out[0]))
            layer.trainable = node.trainable
        return result

    return graph.rebuild(replace)


def _remade(node: Node, out: np.ndarray) -> Any:
    """The operation for the kept channels, without weights yet."""
    operation = node.operation
    config = {**operation.get_config(), "name": node.name}
    kept = int(out.sum())
    if isinstance(operation, layers.Reshape):
        *front, last = operation.target_shape
        config["target_shape"] = (*front, last if last == -1 else kept)
    elif "out" in {role for axes in axes_of(operation).values() for role in axes.values()}:
        config.update(dict.fromkeys(_WIDTHS & set(config), kept))
        if getattr(operation, "groups", 1) > 1:
            config["groups"] = kept * operation.groups // len(out)
    return type(operation).from_config(config)


def _kept_weights(layer: Any, masks: list[np.ndarray], out: np.ndarray) -> list[np.ndarray]:
    axes = axes_of(layer)
    along = {"in": masks[0], "out": out} if masks else {"out": out}
    if "pointwise_kernel" in axes:
        along["spread"] = np.repeat(along["in"], layer.depth_multiplier)
    kept = []
    for weight in layer.weights:
        value = keras.ops.convert_to_numpy(weight)
        for axis, role in axes[weight.name].items():
            # A group's filters read only their own group, which is there as a whole; an `alpha`
            # of PReLU may be shared by all channels.
            if value.shape[axis] == len(along[role]):
                value = np.compress(along[role], value, axis)
        kept.append(value)
    return kept
