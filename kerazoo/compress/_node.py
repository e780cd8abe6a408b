"""What a `Graph` is made of: calls, and the tensors that flow between them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

import keras
from keras import tree


@dataclass(eq=False)
class Value:
    """A tensor that flows through the graph.

    Attributes:
        shape: with the batch size, unknown sizes are None.
        dtype: its name.
        node: the call that gives it, as its output number `index`.
        consumers: the calls that take it, one entry for each time they do.
        is_output: whether the model returns it.
    """

    shape: tuple[int | None, ...]
    dtype: str
    node: Node
    index: int = 0
    consumers: list[Node] = field(default_factory=list)
    is_output: bool = False

    @property
    def channels(self) -> int:
        """The size of the last axis, which every layer with weights knows."""
        return int(self.shape[-1] or 0)

    def __repr__(self):
        return f"<Value {self.node.name}:{self.index} {self.shape}>"


@dataclass(eq=False)
class Node:
    """One call of one operation: a layer's, or that of an operation such as `x * 2`.

    Attributes:
        operation: what is called, the model's own object. A shared layer has several nodes.
        name: of the operation, unique in the graph.
        args, kwargs: of the call, with `Value`s where it has tensors.
        outputs: in the order that flattening the call's result gives.
        call_index: which call of `operation` this is, from 0.
        trainable: whether the layer and all models it is part of are trainable.
    """

    operation: Any
    name: str
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)
    outputs: list[Value] = field(default_factory=list)
    call_index: int = 0
    trainable: bool = True

    @property
    def is_input(self) -> bool:
        """Whether it is one of the model's inputs."""
        return isinstance(self.operation, keras.layers.InputLayer)

    @property
    def inputs(self) -> list[Value]:
        """The tensors among the arguments, in order."""
        return values_in((self.args, self.kwargs))

    @property
    def output(self) -> Value:
        """The only output."""
        (value,) = self.outputs
        return value

    def __repr__(self):
        return f"<Node {self.name}#{self.call_index} {type(self.operation).__name__}>"


def values_in(structure: Any) -> list[Value]:
    """The `Value`s in nested lists, tuples and dicts."""
    return [leaf for leaf in tree.flatten(structure) if isinstance(leaf, Value)]


def free_name(name: str, taken: Collection[str]) -> str:
    """`name`, with the first number behind it that makes it none of `taken`."""
    candidate, number = name, 0
    while candidate in taken:
        number += 1
        candidate = f"{name}_{number}"
    return candidate
