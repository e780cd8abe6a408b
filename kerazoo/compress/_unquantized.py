"""The model that a quantization-aware one came from, with the weights as the file holds them."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from kerazoo.compress._choices import OWN_ACTIVATION
from kerazoo.compress._clone_layer import clone_layer
from kerazoo.compress._float_boundary import FloatBoundary
from kerazoo.compress._graph import Graph
from kerazoo.compress._node import Node
from kerazoo.compress._quantized_layer import QuantizedLayer
from kerazoo.compress.constrained_layer import ConstrainedLayer
from kerazoo.compress.fake_quantize import FakeQuantize
from kerazoo.errors import ConfigError

LAYER_OF_OUTPUT = "_layer"
"""Ends the name of a layer behind which a range gives the output that has the layer's name."""


def is_quantized(model: Any) -> bool:
    """Whether `quantize_aware` made `model`."""
    layers = model._flatten_layers()
    return any(isinstance(layer, QuantizedLayer | FakeQuantize) for layer in layers)


def check_float(model: Any, name: str) -> None:
    """Raise a ConfigError if `quantize_aware` made `model`, whose weights `name` would not find."""
    if isinstance(model, keras.Model) and is_quantized(model):
        raise ConfigError(
            f"`{name}` is for models in float, and {model.name!r} is quantized already: begin with "
            f"the model it came from, or with `kerazoo.compress.strip(model)`."
        )


def check_plain(model: Any, name: str) -> None:
    """As `check_float`, and for models that `prune` or `cluster` made, whose layers hide theirs."""
    check_float(model, name)
    layers = model._flatten_layers() if isinstance(model, keras.Model) else ()
    if any(isinstance(layer, ConstrainedLayer) for layer in layers):
        raise ConfigError(
            f"`{name}` is for plain layers, and {model.name!r} is pruned or clustered: begin with "
            f"the model it came from, or with `kerazoo.compress.strip(model)`."
        )


def unquantized(model: keras.Model) -> keras.Model:
    """A copy of `model` without any rounding: its original layers with rounded weights.

    Of layers that are pruned or clustered as well, the constraints are met once more and left out:
    met after the rounding, they would undo it.
    """
    graph = Graph.from_model(model)
    return graph.rebuild(_Unquantizer(graph))


class _Unquantizer:
    """Makes the plain model's layers, one call after the other."""

    def __init__(self, graph: Graph):
        self.names = {node.name for node in graph.nodes}
        self.wrapped = {
            node.operation.layer.name
            for node in graph.nodes
            if isinstance(node.operation, QuantizedLayer)
        }
        self.folded = {
            node.operation.normalization.name
            for node in graph.nodes
            if getattr(node.operation, "normalization", None) is not None
        }
        self.layers: dict[int, list[Any]] = {}

    def __call__(self, node: Node, *args: Any, **kwargs: Any) -> Any:
        if node.is_input:
            return None
        if self._is_addition(node):
            return args[0]
        first, *others = self._layers(node)
        result = first(*args, **kwargs)
        for layer in others:
            result = layer(result)
        return result

    def _is_addition(self, node: Node) -> bool:
        """Whether `quantize_aware` put it there."""
        if isinstance(node.operation, FakeQuantize | FloatBoundary):
            return True
        name = node.name.removesuffix(OWN_ACTIVATION)
        if name != node.name and name in self.wrapped:
            return True
        if not isinstance(node.operation, keras.layers.Identity):
            return False
        is_output = f"{node.name}{LAYER_OF_OUTPUT}" in self.names
        return is_output or node.name in self.folded  # the output is named after what is in a layer

    def _layers(self, node: Node) -> list[Any]:
        key = id(node.operation)
        if key not in self.layers:
            self.layers[key] = list(self._new_layers(node))
        return self.layers[key]

    def _new_layers(self, node: Node) -> Any:
        layer = node.operation
        if not isinstance(layer, QuantizedLayer):
            name = node.name.removesuffix(LAYER_OF_OUTPUT)
            yield clone_layer(layer, name=name if name in self.names else node.name)
            return
        copy = clone_layer(layer)
        if isinstance(copy.layer, ConstrainedLayer):
            copy.layer.enforce()
        plain = clone_layer(copy.inner)
        _assign(plain, copy.plain_weights())
        yield plain
        if getattr(layer, "normalization", None) is not None:
            yield clone_layer(layer.normalization)


def _assign(layer: Any, weights: dict[str, Any]) -> None:
    """Set weights by their paths, "kernel" or "query/kernel", inside of `layer`."""
    for name, value in weights.items():
        (variable,) = (v for v in layer.variables if f"/{v.path}".endswith(f"/{name}"))
        variable.assign(ops.reshape(value, variable.shape))
