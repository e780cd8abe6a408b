"""The dataflow graph of a model or a function: the object that `graph` returns."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from kerazoo.atomic import write_text
from kerazoo.errors import ConfigError
from kerazoo.inspect.graph_parts import Edge, Node, Variable

if TYPE_CHECKING:
    from kerazoo.inspect.graph_changes import GraphChanges

GRAPH_FORMATS = (".svg", ".dot", ".txt")
"""How the name of a graph's file may end: a picture, for Graphviz, text."""


@dataclass(frozen=True)
class Graph:
    """A TensorFlow graph as it was traced; `after` is what Grappler makes of it.

    `print` shows it as text, `save` draws it.

    Attributes:
        name: of the model or function.
        nodes: in an order in which they can be executed.
        edges: of data.
        control_edges: (first, then): pairs of nodes with an order and no data between them.
        variables: what is read or written.
        inputs: names of the nodes for the function's arguments, without those for variables.
        outputs: names of the nodes that give its results; "name:1" is the second output of one.
        functions: the functions that nodes call, as graphs by name.
        is_optimized: whether Grappler has been here.
    """

    name: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    control_edges: tuple[tuple[str, str], ...]
    variables: tuple[Variable, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    functions: Mapping[str, Graph] = field(default_factory=dict)
    is_optimized: bool = False
    optimize: Callable[[], Graph | None] = field(default=lambda: None, repr=False, compare=False)

    @cached_property
    def after(self) -> Graph | None:
        """The graph that runs: optimized by Grappler, for this machine's CPU, when first asked for.

        None for one that is optimized already, and for functions inside of others.
        """
        return self.optimize()

    @cached_property
    def changes(self) -> GraphChanges | None:
        """What Grappler removed, folded, fused and added; None where `after` is None."""
        from kerazoo.inspect.graph_changes import compare

        return None if self.after is None else compare(self, self.after)

    def inlined(self) -> Graph:
        """The graph with what its functions do (While, If, PartitionedCall) inside it.

        The nodes of a function get the name of their caller in front, with the role of the
        function: "while/body/add". The caller stays, and stands where their results come together.
        A loop's body is there once.
        """
        from kerazoo.inspect._inlining import inline

        return inline(self)

    def node(self, name: str) -> Node:
        """The node of that name. Raises: KeyError."""
        return self._by_name[name]

    def makers(self, name: str) -> tuple[str, ...]:
        """The nodes whose outputs the node takes, in the order of its inputs."""
        return self._makers.get(name, ())

    @cached_property
    def _makers(self) -> dict[str, tuple[str, ...]]:
        found: dict[str, list[str]] = {}
        for edge in self.edges:  # those of one node stand together, in order
            found.setdefault(edge.target, []).append(edge.source)
        return {name: tuple(sources) for name, sources in found.items()}

    @cached_property
    def _by_name(self) -> dict[str, Node]:
        return {node.name: node for node in self.nodes}

    def to_dict(self) -> dict[str, Any]:
        """Everything but `after` as plain values that JSON holds."""
        parts = ("nodes", "edges", "control_edges", "variables", "inputs", "outputs")
        plain = msgspec.json.decode(msgspec.json.encode({p: getattr(self, p) for p in parts}))
        functions = {name: function.to_dict() for name, function in self.functions.items()}
        return {
            "name": self.name,
            **plain,
            "functions": functions,
            "is_optimized": self.is_optimized,
        }

    def to_dot(self) -> str:
        """All nodes and edges in Graphviz's language, a cluster for each scope."""
        from kerazoo.inspect._graph_dot import dot

        return dot(self)

    def to_svg(self) -> str:
        """A picture, drawn by kerazoo itself: inputs on top, results at the bottom.

        Constants and reads of variables are written into the nodes that take them; an order
        without data (`control_edges`) is a dashed line.
        """
        from kerazoo.inspect._graph_svg import svg

        return svg(self)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the graph; the ending decides: .svg a picture, .dot for Graphviz, .txt as printed.

        Raises:
            ConfigError: another ending.
            RunError: the file cannot be written; what was there before stays.
        """
        path = Path(path)
        writers = dict(zip(GRAPH_FORMATS, (self.to_svg, self.to_dot, self.__str__), strict=True))
        if path.suffix not in writers:
            raise ConfigError(
                f"A graph's file ends in {', '.join(GRAPH_FORMATS)}. Received: {str(path)!r}."
            )
        write_text(path, writers[path.suffix]() + "\n")
        return path

    def __str__(self) -> str:
        from kerazoo.inspect._graph_text import text

        return text(self)

    def __repr__(self) -> str:
        return f"<Graph {self.name!r}: {len(self.nodes)} nodes, {len(self.edges)} edges>"
