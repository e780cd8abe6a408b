"""A graph in Graphviz's language."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kerazoo.inspect.dataflow import Graph


def dot(graph: Graph) -> str:
    """See `Graph.to_dot`."""
    members: dict[str, list[str]] = {}
    for node in graph.nodes:
        shapes = [str(tensor) for tensor in node.outputs]
        calls = [f"{role}={name}" for role, name in node.functions.items()]
        local = node.name.removeprefix(f"{node.scope}/")
        label = "\n".join([node.op, local, *shapes, *calls])
        line = f"{json.dumps(node.name)} [label={json.dumps(label)}];"
        members.setdefault(node.scope, []).append(line)
    lines = [f"digraph {json.dumps(graph.name)} {{", "  node [shape=box, fontname=Helvetica];"]
    for number, (scope, inside) in enumerate(members.items()):
        if scope:
            lines.append(f"  subgraph cluster_{number} {{ label={json.dumps(scope)};")
        lines += [f"    {line}" for line in inside]
        if scope:
            lines.append("  }")
    for edge in graph.edges:
        lines.append(f"  {json.dumps(edge.source)} -> {json.dumps(edge.target)};")
    for first, then in graph.control_edges:
        lines.append(f"  {json.dumps(first)} -> {json.dumps(then)} [style=dashed];")
    return "\n".join([*lines, "}"])
