"""What Grappler did to a graph: the object that `Graph.changes` gives."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kerazoo.inspect.dataflow import Graph

_PLUMBING = ("Const", "Identity", "NoOp")


@dataclass(frozen=True)
class GraphChanges:
    """What became of the nodes of a graph. Each is in one of the fields, or it is what it was.

    Attributes:
        removed: names of nodes that nothing needs: without effect, twice there, or passed through.
        folded: names of nodes whose values were calculated ahead: constants now, or gone into one.
        fused: operations that are one now, in order -> how often.
        fused_nodes: name of the node afterwards -> names of the nodes that it was.
        written_out: names of nodes whose functions (loops, branches, calls) stand in the graph now.
        replaced: name -> (operation before, operation afterwards), for all others that changed.
        added: names of nodes that were not there, those of functions that were written out too.
    """

    removed: tuple[str, ...]
    folded: tuple[str, ...]
    fused: dict[tuple[str, ...], int]
    fused_nodes: dict[str, tuple[str, ...]]
    written_out: tuple[str, ...]
    replaced: dict[str, tuple[str, str]]
    added: tuple[str, ...]


def compare(before: Graph, after: Graph) -> GraphChanges:
    """What happened between two graphs of one function, by the names of their nodes."""
    old = {node.name: node for node in before.nodes}
    new = {node.name: node for node in after.nodes}
    changed = [name for name in new if name in old and new[name].op != old[name].op]
    gone = [name for name in old if name not in new]
    fused_nodes = {
        name: (*_swallowed(before, name, new), name) for name in changed if new[name].fused
    }
    fused = Counter(
        tuple(old[part].op for part in parts if old[part].op not in _PLUMBING)
        for parts in fused_nodes.values()
    )
    constant = [name for name in changed if new[name].op == "Const"]
    folded = [part for name in constant for part in (*_swallowed(before, name, new), name)]
    folded = [name for name in dict.fromkeys(folded) if old[name].op != "Const"]
    written_out = tuple(n for n in old if old[n].functions and (n not in new or n in changed))
    taken = {part for parts in fused_nodes.values() for part in parts}
    taken.update(folded, written_out)
    return GraphChanges(
        removed=tuple(name for name in gone if name not in taken),
        folded=tuple(folded),
        fused=dict(fused),
        fused_nodes=fused_nodes,
        written_out=written_out,
        replaced={n: (old[n].op, new[n].op) for n in changed if n not in taken},
        added=tuple(name for name in new if name not in old),
    )


def _swallowed(before: Graph, name: str, kept: Collection[str]) -> tuple[str, ...]:
    """The nodes behind `name` that are there no more, back to those that are; in order."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        for maker in before.makers(waiting.pop()):
            if maker not in kept and maker not in found:
                found.add(maker)
                waiting.append(maker)
    return tuple(node.name for node in before.nodes if node.name in found)
