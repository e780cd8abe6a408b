"""One MetaGraph of a SavedModel: its operations, what they need, and what TensorFlow would run."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from functools import cached_property
from typing import Any

from kerazoo.foreign.messages import message_class


def looks_like_operation(name: str) -> bool:
    """Whether TensorFlow could have an operation of that name: "Conv2D", "_Send", "Text>Split"."""
    return re.fullmatch(r"_?[A-Z][A-Za-z0-9>_]*", name) is not None


def is_object_based(saved_model: Any) -> bool:
    """Whether TensorFlow 2 would load it as its own: by its objects, not by its main graph."""
    graphs = saved_model.meta_graphs
    return len(graphs) == 1 and graphs[0].HasField("object_graph_def")


class MetaGraph:
    """Reads a `MetaGraphDef`; names of tensors in it are cut down to those of their operations.

    `is_operation` says which names TensorFlow knows as operations of its own.
    """

    def __init__(
        self, proto: Any, is_operation: Callable[[str], bool] = looks_like_operation
    ) -> None:
        self.proto, self._is_operation = proto, is_operation
        self.objects = proto.object_graph_def
        self.nodes = {node.name: node for node in proto.graph_def.node}
        self.functions = {
            function.signature.name: function for function in proto.graph_def.library.function
        }

    def operations(self) -> Iterator[tuple[str, str]]:
        """Place and type of every operation, those of functions included, run or not."""
        for node in self.proto.graph_def.node:  # not `nodes`: of two equal names both count
            yield node.name, node.op
        for function in self.proto.graph_def.library.function:
            for node in function.node_def:
                yield f"{function.signature.name}/{node.name}", node.op

    def is_call_by_name(self, operation: str) -> bool:
        """Whether it is a function of the library, as in graphs of early TensorFlow 1.

        One that hides behind the name of TensorFlow's own operation is not taken for one.
        """
        return operation in self.functions and not self._is_operation(operation)

    def called_by(self, node: Any) -> set[str]:
        """Functions that a node calls: those of the library among its attributes and type."""
        found = {node.op}  # a function may be called by its name alone
        for value in node.attr.values():
            found |= _functions_in(value)
        return found & self.functions.keys()

    @cached_property
    def _calls(self) -> dict[str, set[str]]:
        return {
            name: set().union(*(self.called_by(node) for node in function.node_def))
            for name, function in self.functions.items()
        }

    def functions_with(self, operations: Collection[str]) -> dict[str, str]:
        """Functions that hold one of the operations, or call one that does, and that operation."""
        found = {
            name: node.op
            for name, function in self.functions.items()
            for node in function.node_def
            if node.op in operations
        }
        callers: dict[str, set[str]] = {}
        for caller, called in self._calls.items():
            for name in called:
                callers.setdefault(name, set()).add(caller)
        waiting = list(found)
        while waiting:
            name = waiting.pop()
            for caller in callers.get(name, set()) - found.keys():
                found[caller] = found[name]
                waiting.append(caller)
        return found

    def entry_functions(self) -> set[str]:
        """Functions that TensorFlow 2 can call: those its objects name, and gradients."""
        names = set(self.objects.concrete_functions) | self.gradient_functions()
        for item in self.objects.nodes:
            names.update(item.function.concrete_functions)
            names.add(item.bare_concrete_function.concrete_function_name)
        return names & self.functions.keys()

    def gradient_functions(self) -> set[str]:
        """Functions that run in place of an operation's gradient when a model is trained."""
        library = self.proto.graph_def.library
        names = {gradient.gradient_func for gradient in library.gradient}
        names |= {gradient.gradient_func for gradient in library.registered_gradients}
        return names & self.functions.keys()

    def entry_nodes(self) -> set[str]:
        """Nodes of the main graph that signatures, initializers and collections name."""
        names: set[str] = set()
        for signature in self.proto.signature_def.values():
            infos = [*signature.inputs.values(), *signature.outputs.values()]
            names.update(name for info in infos for name in _tensors_of(info))
        for collection in self.proto.collection_def.values():
            names.update(collection.node_list.value)
        for variable in self._variables():
            names |= {
                variable.variable_name,
                variable.initializer_name,
                variable.snapshot_name,
                variable.initial_value_name,
            }
        return {operation_of(name) for name in names} & self.nodes.keys()

    def restoring_nodes(self) -> set[str]:
        """Nodes that fill the variables of a model of TensorFlow 1 when it is loaded."""
        saver = self.proto.saver_def
        names = {saver.restore_op_name, saver.filename_tensor_name}
        return {operation_of(name) for name in names} & self.nodes.keys()

    def needed_by(self, names: Iterable[str]) -> Iterator[Any]:
        """The nodes of those names, and all that must run before them."""
        seen, waiting = set(names), list(names)
        while waiting:
            node = self.nodes[waiting.pop()]
            yield node
            makers = {operation_of(name) for name in node.input} & self.nodes.keys()
            waiting.extend(makers - seen)
            seen |= makers

    def _variables(self) -> Iterator[Any]:
        from google.protobuf.message import DecodeError

        definition = message_class("core/framework/variable", "VariableDef")
        for collection in self.proto.collection_def.values():
            for content in collection.bytes_list.value:
                try:
                    yield definition.FromString(content)
                except DecodeError:
                    continue  # bytes of another kind; TensorFlow reads no names from them


def operation_of(tensor: str) -> str:
    """ "name" of "name", "name:1" (main graph), "name:output:0" (functions) and "^name"."""
    return tensor.removeprefix("^").split(":")[0]


def _tensors_of(info: Any) -> list[str]:
    parts = info.composite_tensor.components
    sparse = info.coo_sparse
    return [
        info.name,
        sparse.values_tensor_name,
        sparse.indices_tensor_name,
        sparse.dense_shape_tensor_name,
        *(name for part in parts for name in _tensors_of(part)),
    ]


def _functions_in(value: Any) -> set[str]:
    found = set()
    for function in [value.func, *value.list.func]:
        if function.name:
            found.add(function.name)
            for inner in function.attr.values():
                found |= _functions_in(inner)
    return found
