"""A graph as text: its nodes in order of execution, layer by layer, and what Grappler changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import TYPE_CHECKING

from kerazoo.inspect.graph_parts import Node

if TYPE_CHECKING:
    from kerazoo.inspect.dataflow import Graph
    from kerazoo.inspect.graph_changes import GraphChanges

_NAMED = 3  # of a node's control inputs


def text(graph: Graph) -> str:
    """See `Graph.__str__`."""
    lines = [_counts(graph) + (", optimized by Grappler" if graph.is_optimized else "")]
    lines += _ends(graph)
    lines += _nodes(graph)
    for name, function in graph.functions.items():
        lines += ["", f"function {name}", *_indented(_ends(function) + _nodes(function))]
    if graph.variables:
        rows = [(each.name, str(each.tensor)) for each in graph.variables]
        lines += ["", "variables", *_indented(_columns(rows))]
    lines += ["", "operations: " + _tally(node.op for node in graph.nodes)]
    if graph.after is not None and graph.changes is not None:
        lines += ["", "after Grappler: " + _counts(graph.after).partition(": ")[2]]
        lines += _indented(_columns(_changes(graph, graph.after, graph.changes)))
    return "\n".join(lines)


def _counts(graph: Graph) -> str:
    sizes = {
        "node": len(graph.nodes),
        "edge": len(graph.edges),
        "control edge": len(graph.control_edges),
        "variable": len(graph.variables),
        "function": len(graph.functions),
    }
    words = [f"{n:,} {word}{'s' * (n != 1)}" for word, n in sizes.items() if n or word == "node"]
    return f"{graph.name}: {', '.join(words)}"


def _ends(graph: Graph) -> list[str]:
    rows = [("in", name, _outputs(graph.node(name))) for name in graph.inputs]
    rows += [("out", name, _output(graph, name)) for name in graph.outputs]
    return _columns(rows)


def _output(graph: Graph, port: str) -> str:
    name, _, number = port.partition(":")
    return str(graph.node(name).outputs[int(number or 0)])


def _nodes(graph: Graph) -> list[str]:
    control: dict[str, list[str]] = {}
    for first, then in graph.control_edges:
        control.setdefault(then, []).append(first)
    lines = []
    for scope, members in groupby(graph.nodes, key=lambda node: node.scope):
        rows = [_row(graph, node, control.get(node.name, [])) for node in members]
        lines += ["", scope or "(no scope)", *_indented(_columns(rows))]
    return lines


def _row(graph: Graph, node: Node, control: list[str]) -> tuple[str, ...]:
    makers = [_local(name, node.scope) for name in graph.makers(node.name)]
    taken = f"<- {', '.join(makers)}" if makers else ""
    if control:
        named = [_local(name, node.scope) for name in control[:_NAMED]]
        more = len(control) - _NAMED
        taken += f" after {', '.join(named)}" + (f" and {more} more" if more > 0 else "")
    calls = "".join(f" {role}={name}" for role, name in node.functions.items())
    fused = f" ({' + '.join(node.fused)})" if node.fused else ""
    name = _local(node.name, node.scope)
    return name, node.op + fused, _outputs(node), (taken + calls).strip()


def _outputs(node: Node) -> str:
    return ", ".join(map(str, node.outputs))


def _local(name: str, scope: str) -> str:
    return name.removeprefix(f"{scope}/")


def _changes(graph: Graph, after: Graph, changes: GraphChanges) -> Iterator[tuple[str, str]]:
    def tally(names: Iterable[str], of: Graph) -> str:
        return _tally(of.node(name).op for name in names)

    if changes.fused:
        kinds = {" + ".join(kinds): count for kinds, count in changes.fused.items()}
        yield "fused", _listed(kinds)
    if changes.folded:
        yield "folded", tally(changes.folded, graph)
    if changes.removed:
        yield "removed", tally(changes.removed, graph)
    if changes.written_out:
        yield "written out", tally(changes.written_out, graph)
    if changes.replaced:
        kinds = Counter(f"{old} by {new}" for old, new in changes.replaced.values())
        yield "replaced", _listed(kinds)
    if changes.added:
        yield "added", tally(changes.added, after)


def _tally(kinds: Iterable[str]) -> str:
    return _listed(dict(Counter(kinds).most_common()))


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(kind if count == 1 else f"{kind} x{count}" for kind, count in counts.items())


def _columns(rows: Iterable[tuple[str, ...]]) -> list[str]:
    rows = list(rows)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _indented(lines: Iterable[str]) -> list[str]:
    return [f"  {line}" if line else line for line in lines]
