"""Puts what the functions in a graph do into the graph itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from kerazoo.inspect._called_functions import FIRST_ARGUMENT
from kerazoo.inspect.graph_parts import Edge, Node

if TYPE_CHECKING:
    from kerazoo.inspect.dataflow import Graph


def inline(graph: Graph) -> Graph:
    """See `Graph.inlined`."""
    nodes: list[Node] = []
    edges: list[Edge] = []
    control: list[tuple[str, str]] = []
    _add(graph, graph.functions, "", nodes, edges, control)
    return replace(
        graph,
        nodes=tuple(nodes),
        edges=tuple(edges),
        control_edges=tuple(control),
        functions={},
        optimize=lambda: None if graph.after is None else graph.after.inlined(),
    )


def _add(
    graph: Graph,
    functions: Mapping[str, Graph],
    prefix: str,
    nodes: list[Node],
    edges: list[Edge],
    control: list[tuple[str, str]],
) -> None:
    """Add the nodes and edges of `graph`, and of what it calls, under names with `prefix`."""
    taken: dict[str, list[Edge]] = {}
    for edge in graph.edges:
        taken.setdefault(edge.target, []).append(edge)
    for node in graph.nodes:
        given = [
            replace(edge, source=prefix + edge.source, target=prefix + edge.target)
            for edge in taken.get(node.name, [])
        ]
        first = FIRST_ARGUMENT.get(node.op, 0)
        called = {
            f"{prefix}{node.name}/{role}/": functions[function]
            for role, function in node.functions.items()
            if node.op in FIRST_ARGUMENT and function in functions
        }
        for inside, function in called.items():
            for argument, edge in zip(function.inputs, given[first:], strict=False):
                edges.append(replace(edge, target=inside + argument, input=0))
            _add(function, functions, inside, nodes, edges, control)
        if called:
            results = [inside + end for inside, inner in called.items() for end in inner.outputs]
            given = given[:first] + [
                _edge_from(result, prefix + node.name, first + place)
                for place, result in enumerate(results)
            ]
        edges.extend(given)
        scope = (prefix + node.scope).rstrip("/")
        nodes.append(
            replace(node, name=prefix + node.name, scope=scope, functions={})
            if called
            else replace(node, name=prefix + node.name, scope=scope)
        )
    control.extend((prefix + first, prefix + then) for first, then in graph.control_edges)


def _edge_from(port: str, target: str, place: int) -> Edge:
    source, _, number = port.partition(":")
    return Edge(source, target, int(number or 0), place)
