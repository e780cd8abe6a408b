"""A model as a flat list of calls: read, changed, and made a functional Keras model again.

Models within the model are inlined. `Graph.from_model(model).rebuild(replace)` is what pruning of
channels, quantization-aware training and equalisation are made of.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
from keras import tree

from kerazoo.compress._clone_layer import clone_layer
from kerazoo.compress._graph_reader import read_graph
from kerazoo.compress._node import Node, Value


@dataclass(eq=False)
class Graph:
    """All calls of a model, in an order in which they can be made; inputs come first.

    Attributes:
        name, trainable: the model's.
        nodes: the calls.
        inputs, outputs: `Value`s, in the structure (one, list, dict) that the model has.
        output_names: the model's, which losses and targets are given by.
    """

    name: str
    trainable: bool
    nodes: list[Node]
    inputs: Any
    outputs: Any
    output_names: list[str]

    @classmethod
    def from_model(cls, model: Any, expand: Callable[[Any], bool] | None = None) -> Graph:
        """The graph of a Sequential or functional model.

        Args:
            model: built; the models in it, however deep, are inlined.
            expand: says of a layer whether to show the layers in it instead
                (`_composite_layers.is_composite` says it of kerazoo's blocks); None shows none.

        Raises: ConfigError if the model is not built, or a subclass with a `call` of its own.
        """
        return cls(**read_graph(model, expand))

    def calls_of(self, operation: Any) -> list[Node]:
        """The nodes that call `operation`."""
        return [node for node in self.nodes if node.operation is operation]

    def rebuild(self, replace: Callable[..., Any] | None = None) -> keras.Model:
        """A functional model that makes the calls of this graph, with layers of its own.

        Args:
            replace: called as `replace(node, *args, **kwargs)` for each node, with the new model's
                tensors as the arguments, and returns what the node returns; or None for a call of
                the operation's copy (one copy for all calls of it). For an input it is called
                as `replace(node, x)` and returns what stands for x from there on; None is x.

        Returns: the model, with the structure of inputs and outputs and the names that the
            model had. It is not compiled.
        """
        tensors: dict[int, Any] = {}
        copies: dict[int, Any] = {}
        entries: dict[int, Any] = {}
        for node in self.nodes:
            if node.is_input:
                args, kwargs = (_copy_of(node, copies).output,), {}
                entries[id(node.output)] = args[0]
            else:
                args, kwargs = _filled((node.args, node.kwargs), tensors)
            result = None if replace is None else replace(node, *args, **kwargs)
            if result is None:
                result = args[0] if node.is_input else _copy_of(node, copies)(*args, **kwargs)
            results = tree.flatten(result)
            tensors.update(zip(map(id, node.outputs), results, strict=True))
        # An input that the model returns is what came in, whatever stands for it inside.
        outputs = self._named_outputs({**tensors, **entries})
        model = keras.Model(_filled(self.inputs, entries), outputs, name=self.name)
        if not self.trainable:
            model.trainable = False
        return model

    def _named_outputs(self, tensors: dict[int, Any]) -> Any:
        """The new outputs; where a name got lost (that of a nested model), a layer brings it."""
        outputs = _filled(self.outputs, tensors)
        flat = tree.flatten(outputs)
        taken = {node.name for node in self.nodes} | {x._keras_history.operation.name for x in flat}
        named: dict[tuple[int, str], Any] = {}  # a tensor may be returned more than once
        keys = [(id(x), name) for x, name in zip(flat, self.output_names, strict=True)]
        for x, key in zip(flat, keys, strict=True):
            _, name = key
            if key not in named and name not in taken:
                named[key] = keras.layers.Identity(name=name, dtype=x.dtype)(x)
                taken.add(name)
        values = [named.get(key, x) for x, key in zip(flat, keys, strict=True)]
        return tree.pack_sequence_as(outputs, values)


def _copy_of(node: Node, copies: dict[int, Any]) -> Any:
    key = id(node.operation)
    if key not in copies:
        copies[key] = clone_layer(node.operation, name=node.name)
        if not node.trainable:
            copies[key].trainable = False
    return copies[key]


def _filled(structure: Any, tensors: dict[int, Any]) -> Any:
    return tree.map_structure(
        lambda leaf: tensors[id(leaf)] if isinstance(leaf, Value) else leaf, structure
    )
