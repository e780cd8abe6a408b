"""Reads a Keras model into a `Graph`: inlines models, expands composite layers, makes names."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import keras
from keras import tree

from kerazoo.compress._constrained_inside import constrained_inside
from kerazoo.compress._node import Node, Value, free_name, values_in
from kerazoo.compress._quantized_layer import unconstrained
from kerazoo.errors import ConfigError


def read_graph(model: Any, expand: Callable[[Any], bool] | None) -> dict[str, Any]:
    """The fields of the model's graph; see `Graph.from_model`."""
    function = _function_of(model)
    if function is None:
        raise _no_graph(model)
    reader = _Reader(expand or (lambda layer: False), function)
    inputs = [reader.add_input(x) for x in function.inputs]
    results = reader.add_calls(function, inputs, _Surroundings("", False, model.trainable, None))
    for value in results:
        value.is_output = True
    return {
        "name": model.name,
        "trainable": model.trainable,
        "nodes": reader.nodes,
        "inputs": tree.pack_sequence_as(function._inputs_struct, inputs),
        "outputs": tree.pack_sequence_as(function._outputs_struct, results),
        "output_names": list(function.output_names),
    }


def _function_of(layer: Any) -> Any:
    """The functional model that `layer` is, or that a Sequential holds; None if it is none."""
    if isinstance(layer, keras.Sequential):
        return layer._functional if type(layer).call is keras.Sequential.call else None
    functional = _functional_class()
    if isinstance(layer, functional) and type(layer).call is functional.call:
        return layer
    return None


@functools.cache
def _functional_class() -> Any:
    """Keras's class of functional models, which has no public name."""
    return type(keras.Model(x := keras.Input((1,)), x))


def _no_graph(model: Any) -> ConfigError:
    if not isinstance(model, keras.Model):
        return ConfigError(f"`model` must be a keras.Model. Received: {model!r}.")
    if type(model) is keras.Sequential:
        return ConfigError(
            f"The model {model.name!r} is not built: begin it with `keras.Input(shape)`, or call "
            f"`model.build(input_shape)`."
        )
    return ConfigError(
        f"The model {model.name!r} ({type(model).__name__}) has a `call` of its own, which cannot "
        f"be taken apart: make it with `keras.Model(inputs, outputs)`."
    )


class _Surroundings:
    """What the calls of an inlined model take over from its own call.

    `prefix`: its name; `always`: whether the names inside get it even if they are unique.
    """

    def __init__(self, prefix: str, always: bool, trainable: bool, training: bool | None):
        self.prefix, self.always = prefix, always
        self.trainable, self.training = trainable, training

    def inside(self, node: Node, always: bool) -> _Surroundings:
        training = node.kwargs.get("training")
        return _Surroundings(
            node.name, always, node.trainable, self.training if training is None else training
        )


class _Reader:
    """Collects the nodes of a function and of all functions inside."""

    def __init__(self, expand: Callable[[Any], bool], function: Any):
        self.expand = expand
        self.nodes: list[Node] = []
        self.names: dict[int, str] = {}
        self.calls: dict[int, int] = {}
        # The outermost names stay as they are; those inside make way.
        self.taken = {op.name for op in function.operations}
        self.names.update((id(op), op.name) for op in function.operations)
        self.kept: list[Any] = []  # traced functions: an id must not come to stand for another
        self.views: dict[int, Any] = {}  # of layers inside of composite ones with constraints

    def add_input(self, tensor: Any) -> Value:
        layer = tensor._keras_history.operation
        node = Node(layer, layer.name, trainable=layer.trainable)
        node.outputs = [_value(tensor, node)]
        self.nodes.append(node)
        return node.output

    def add_calls(self, function: Any, inputs: list[Value], outside: _Surroundings) -> list[Value]:
        """Add the calls of `function`, applied to `inputs`; returns its flat outputs."""
        values = dict(zip(map(id, function.inputs), inputs, strict=True))
        same_shapes = all(
            tuple(x.shape) == value.shape for x, value in zip(function.inputs, inputs, strict=True)
        )
        for call in _in_order(function):
            node = self._node(call, values, outside)
            results = self._inlined(node, outside)
            if results is None:
                specs = call.outputs if same_shapes else _specs(node)
                node.outputs = results = [_value(x, node, i) for i, x in enumerate(specs)]
                self._append(node)
            values.update(zip(map(id, call.outputs), results, strict=True))
        return [values[id(x)] for x in function.outputs]

    def _node(self, call: Any, values: dict[int, Value], outside: _Surroundings) -> Node:
        operation = self.views.get(id(call.operation), call.operation)
        # Masks that nothing gives are None, as in Keras's own run through its graph.
        args, kwargs = call.arguments.convert(
            lambda x: values.get(id(x)) if isinstance(x, keras.KerasTensor) else x
        )
        kwargs = {name: value for name, value in kwargs.items() if not _is_empty(value)}
        if outside.training is not None and "training" in getattr(
            operation, "_call_context_args", ()
        ):
            kwargs["training"] = outside.training
        trainable = outside.trainable and getattr(operation, "trainable", True)
        return Node(operation, self._name(operation, outside), args, kwargs, trainable=trainable)

    def _name(self, operation: Any, outside: _Surroundings) -> str:
        if id(operation) not in self.names:
            name = operation.name
            if outside.always or (name in self.taken and outside.prefix):
                name = f"{outside.prefix}_{name}"
            self.names[id(operation)] = free_name(name, self.taken)
            self.taken.add(self.names[id(operation)])
        return self.names[id(operation)]

    def _append(self, node: Node) -> None:
        node.call_index = self.calls.get(id(node.operation), 0)
        self.calls[id(node.operation)] = node.call_index + 1
        for value in node.inputs:
            value.consumers.append(node)
        self.nodes.append(node)

    def _inlined(self, node: Node, outside: _Surroundings) -> list[Value] | None:
        """The outputs of the node's calls put in its place; None if it stays."""
        function = _function_of(node.operation)
        if function is not None:
            return self.add_calls(
                function, _inputs_of(function, node), outside.inside(node, always=False)
            )
        composite = unconstrained(node.operation)
        if not self.expand(composite):
            return None
        function = _traced(composite, node)
        if composite is not node.operation:
            layers = [op for op in function.operations if isinstance(op, keras.Layer)]
            views = constrained_inside(node.operation, layers)
            if views is None:
                return None
            self.views = {**views, **self.views}  # a layer keeps the view of its first call
        self.kept.append(function)
        return self.add_calls(function, node.inputs, outside.inside(node, always=True))


def _value(tensor: Any, node: Node, index: int = 0) -> Value:
    return Value(tuple(tensor.shape), keras.backend.standardize_dtype(tensor.dtype), node, index)


def _is_empty(argument: Any) -> bool:
    """Whether it is None, or a list of None: what Keras notes for masks that are not there."""
    return all(leaf is None for leaf in tree.flatten(argument))


def _in_order(function: Any) -> list[Any]:
    """The calls of a function as it makes them, without its inputs."""
    by_depth = function._nodes_by_depth
    calls = [call for depth in sorted(by_depth, reverse=True) for call in by_depth[depth]]
    return [call for call in calls if not call.is_input]


def _symbolic(node: Node) -> tuple[Any, Any]:
    """The node's arguments with tensors without a history."""
    tensors: dict[int, Any] = {}

    def symbol(leaf: Any) -> Any:
        if not isinstance(leaf, Value):
            return leaf
        return tensors.setdefault(id(leaf), keras.KerasTensor(leaf.shape, leaf.dtype))

    return tree.map_structure(symbol, (node.args, node.kwargs))


def _specs(node: Node) -> list[Any]:
    """Shapes and dtypes of the outputs for the inputs that the node has here."""
    args, kwargs = _symbolic(node)
    return tree.flatten(node.operation.compute_output_spec(*args, **kwargs))


def _inputs_of(function: Any, node: Node) -> list[Value]:
    """The tensors with which an inlined model is called, in the order of its inputs."""
    given = node.args[0] if node.args else node.kwargs["inputs"]
    if isinstance(given, dict) and not isinstance(function._inputs_struct, dict):
        given = [given[x._keras_history.operation.name] for x in function.inputs]
    inputs = values_in(given)
    fits = len(inputs) == len(function.inputs) and all(
        len(value.shape) == len(x.shape) for value, x in zip(inputs, function.inputs, strict=False)
    )
    if not fits:
        raise ConfigError(
            f"The model {node.name!r} is called with inputs of another number or rank than it was "
            f"made for: {[x.shape for x in function.inputs]}. Received: "
            f"{[value.shape for value in inputs]}."
        )
    return inputs


def _traced(layer: Any, node: Node) -> Any:
    """What the `call` of `layer`, which `node` calls, does as a function of the node's inputs."""
    args, kwargs = _symbolic(node)
    symbols = [x for x in tree.flatten((args, kwargs)) if isinstance(x, keras.KerasTensor)]
    results = layer.call(*args, **kwargs)
    function = keras.Function(symbols, results)
    for operation in function.operations:  # the user's layers forget that they were called here
        used = [call for call in _in_order(function) if call.operation is operation]
        operation._inbound_nodes[:] = [c for c in operation._inbound_nodes if c not in used]
    return function
