"""What a `Graph` is made of: operations, the tensors between them, variables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Tensor:
    """What flows along an edge.

    Attributes:
        dtype: TensorFlow's name of it: "float32", "resource".
        shape: with the batch. None where even the rank is open, as are open sizes.
    """

    dtype: str
    shape: tuple[int | None, ...] | None

    def __str__(self) -> str:
        if self.shape is None:
            return f"{self.dtype}[...]"
        sizes = ", ".join("?" if size is None else str(size) for size in self.shape)
        return f"{self.dtype}[{sizes}]"


@dataclass(frozen=True)
class Node:
    """One operation.

    Attributes:
        name: unique in the graph.
        op: TensorFlow's name of what it does: "Conv2D", "ReadVariableOp", "While".
        outputs: the tensors it gives.
        scope: the name scope that it is grouped under; for a Keras model that of its layer.
        functions: the functions that it calls, by the role they have in it: {"body": ...}.
        fused: the operations that Grappler made it of, in order: ("BiasAdd", "Relu").
    """

    name: str
    op: str
    outputs: tuple[Tensor, ...] = ()
    scope: str = ""
    functions: Mapping[str, str] = field(default_factory=dict)
    fused: tuple[str, ...] = ()


@dataclass(frozen=True)
class Edge:
    """A tensor on its way: `source`'s output number `output` is `target`'s input number `input`.
    Nodes are named, numbers count from 0."""

    source: str
    target: str
    output: int = 0
    input: int = 0


@dataclass(frozen=True)
class Variable:
    """A variable that the graph reads or writes.

    Attributes:
        name: TensorFlow's, or Keras's path: "sequential/head/kernel".
        tensor: dtype and shape of its value.
        trainable: whether training would change it.
        node: name of the node that stands for it.
    """

    name: str
    tensor: Tensor
    trainable: bool
    node: str
