"""A Keras model as the graph that the converter sees: every tensor by name, any of them replaced.

Tracing names operations after their layers, and the converter keeps those names in the file, so
both sides can be laid beside each other. `run` computes any tensors while others are replaced by
given values: that is how each operator of a file is fed the file's own inputs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any

import numpy as np

from kerazoo.exporters.interface import Interface, call


class FrozenGraph:
    """The operations of `model` in inference mode, weights as constants, for `rows` samples.

    An operation's name stands for its first output; further ones are "name:1", "name:2", ...
    """

    def __init__(self, model: Any, interface: Interface, rows: int) -> None:
        graph, inputs, outputs = _freeze(model, interface, rows)
        self._graph = graph
        self._definition = graph.as_graph_def()
        self.inputs: dict[str, str] = inputs
        """Name of the model's input -> name of the operation that stands for it."""
        self.order: dict[str, int] = {}
        """Operation that depends on the inputs -> its place in topological order."""
        for operation in graph.get_operations():  # makers before takers
            depends = any(maker in self.order for maker in self.makers(operation.name))
            if depends or operation.name in inputs.values():
                for name in [operation.name, *map(_name, operation.outputs[1:])]:
                    self.order[name] = len(self.order)
        self.outputs: dict[str, str] = {name: self._origin(op) for name, op in outputs.items()}
        """Name of the model's output -> name of the operation that gives it."""

    def kind(self, name: str) -> str:
        """What the operation does: "Conv2D", "FakeQuantWithMinMaxVars", ..."""
        return self._operation(name).type

    def shape(self, name: str) -> tuple[int, ...] | None:
        """Shape of the output; None where it is not fixed."""
        if not self._operation(name).outputs:
            return None
        shape = self._tensor(name).shape
        return tuple(shape.as_list()) if shape.is_fully_defined() else None

    def makers(self, name: str) -> list[str]:
        """What the operation takes."""
        return [_name(tensor) for tensor in self._operation(name).inputs]

    def siblings(self, name: str) -> list[str]:
        """All outputs of the operation."""
        return [_name(tensor) for tensor in self._operation(name).outputs]

    def attribute(self, name: str, attribute: str) -> Any:
        """One attribute of the operation."""
        return self._operation(name).get_attr(attribute)

    def _operation(self, name: str) -> Any:
        return self._graph.get_operation_by_name(name.split(":")[0])

    def _tensor(self, name: str) -> Any:
        return self._graph.get_tensor_by_name(_port(name))

    @cached_property
    def takers(self) -> dict[str, list[str]]:
        """Operation -> the operations that take its output and depend on the inputs."""
        found: dict[str, list[str]] = {name: [] for name in self.order}
        for name in self.order:
            makers = self.makers(name)
            if self.kind(name) == "IdentityN":  # of a custom gradient: what was given, the inputs
                makers = makers[:1]
            for maker in dict.fromkeys(makers):
                if maker in found:
                    found[maker].append(name)
        return found

    def twins(self, name: str) -> list[str]:
        """The operations that compute the same from the same, `name` too: one in the file."""
        return self._alike.get(self._first.get(name, name), [])

    @cached_property
    def _alike(self) -> dict[str, list[str]]:
        """First of its kind -> all of the kind that depend on the inputs."""
        alike: dict[str, list[str]] = {}
        for name in self.order:
            if ":" not in name:
                alike.setdefault(self._first[name], []).append(name)
        return alike

    @cached_property
    def _first(self) -> dict[str, str]:
        """Operation -> the first one that computes the same from the same."""
        by_recipe: dict[Any, str] = {}
        first: dict[str, str] = {}
        for node in self._definition.node:  # makers before takers
            parts = [given.partition(":") for given in node.input]
            recipe = (
                node.op if node.op != "Placeholder" else node.name,
                tuple((first.get(maker, maker), port) for maker, _, port in parts),
                _attributes(node),
            )
            first[node.name] = by_recipe.setdefault(recipe, node.name)
        return first

    def _origin(self, name: str) -> str:
        """The operation whose value is only passed on."""
        while self.kind(name) in ("Identity", "IdentityN"):
            name = next(maker for maker in self.makers(name) if maker in self.order)
        return name

    def run(
        self, replaced: Mapping[str, np.ndarray], wanted: Iterable[str]
    ) -> dict[str, np.ndarray]:
        """First outputs of the operations `wanted`, where others read `replaced` instead.

        What a replaced operation would have given itself can be wanted as well. The model's inputs
        are zeros unless they are replaced.
        """
        import tensorflow as tf

        for name in self.inputs.values():
            kind = self._tensor(name).dtype.as_numpy_dtype
            replaced = {name: np.zeros(self.shape(name) or (), kind), **replaced}
        wanted = list(dict.fromkeys(wanted))

        def build(*tensors: Any) -> list[Any]:
            given = dict(zip(map(_port, replaced), tensors, strict=True))
            tf.graph_util.import_graph_def(self._definition, input_map=given, name="model")
            # `return_elements` would give what was put in the place of a replaced operation.
            graph = tf.compat.v1.get_default_graph()
            return [graph.get_tensor_by_name(f"model/{_port(name)}") for name in wanted]

        specs = [tf.TensorSpec(self.shape(name), self._tensor(name).dtype) for name in replaced]
        function = tf.compat.v1.wrap_function(build, specs)
        values = function(*map(tf.constant, replaced.values(), [spec.dtype for spec in specs]))
        return {name: value.numpy() for name, value in zip(wanted, values, strict=True)}


def _attributes(node: Any) -> tuple[tuple[str, bytes], ...]:
    """What decides on the node's values, constants too; names with "_" only help to run it."""
    return tuple(
        (name, node.attr[name].SerializeToString(deterministic=True))
        for name in sorted(node.attr)
        if not name.startswith("_")
    )


def _name(tensor: Any) -> str:
    return tensor.name if tensor.value_index else tensor.op.name


def _port(name: str) -> str:
    return name if ":" in name else f"{name}:0"


def _freeze(
    model: Any, interface: Interface, rows: int
) -> tuple[Any, dict[str, str], dict[str, str]]:
    import keras
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import (
        convert_variables_to_constants_v2,
    )

    from kerazoo.compress._exporting import exporting

    names = [port.name for port in interface.inputs]

    values = [(variable, keras.ops.convert_to_numpy(variable)) for variable in model.variables]

    def serve(*tensors):
        with keras.StatelessScope(values):
            named = dict(zip(names, tensors, strict=True))
            return keras.tree.flatten(call(model, interface, named))

    specs = [
        tf.TensorSpec((rows, *port.shape), port.dtype, name=port.name) for port in interface.inputs
    ]
    with exporting():
        function = tf.function(serve, autograph=False).get_concrete_function(*specs)
    if function.captured_inputs:  # variables of TensorFlow's own
        function = convert_variables_to_constants_v2(function)
    inputs = [tensor.op.name for tensor in function.inputs]
    outputs = [tensor.op.name for tensor in function.outputs]
    return (
        function.graph,
        dict(zip(names, inputs, strict=True)),
        dict(zip(interface.outputs, outputs, strict=True)),
    )
