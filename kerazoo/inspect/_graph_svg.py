"""A graph as a picture in SVG, without Graphviz."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from kerazoo.inspect._layered_layout import Layout, Point, place
from kerazoo.inspect.graph_parts import Node

if TYPE_CHECKING:
    from kerazoo.inspect.dataflow import Graph

_PLUMBING = ("Const", "ReadVariableOp", "NoOp", "Placeholder", "VarHandleOp")
_MATRIX = ("Conv", "DepthwiseConv", "MatMul", "BatchMatMul", "Einsum", "_Fused")
_COLOURS = {"end": "#d9efd9", "matrix": "#fde3c8", "call": "#e4dcf5", "other": "#f4f4f4"}
_LEGEND = {"end": "input, result", "matrix": "matrix product", "call": "function", "other": "other"}
_LINE, _LETTER, _PAD, _HEAD = 14.0, 6.8, 8.0, 48.0
_WIDEST = 44  # characters of a name
_STYLE = """
  text { font: 11px ui-monospace, Menlo, Consolas, monospace; fill: #222 }
  .op { font-weight: bold } .note { fill: #667 }
  rect { stroke: #999 } path { fill: none; stroke: #778 } .order { stroke-dasharray: 4 3 }
"""


@dataclass(frozen=True)
class _Box:
    node: Node
    kind: str
    lines: tuple[str, ...]

    @property
    def size(self) -> Point:
        widest = max(map(len, self.lines))
        return widest * _LETTER + 2 * _PAD, len(self.lines) * _LINE + 2 * _PAD - 2


def svg(graph: Graph) -> str:
    """See `Graph.to_svg`."""
    drawn = _drawn(graph)
    weights = _weights(graph, drawn)
    nodes = [node for node in graph.nodes if node.name in drawn]
    boxes = [_box(graph, node, weights.get(node.name, [])) for node in nodes]
    index = {node.name: place for place, node in enumerate(nodes)}
    data = _arrows(((edge.source, edge.target) for edge in graph.edges), index)
    order = _arrows(graph.control_edges, index) - data
    # A written-out loop goes back up: its arrow is drawn, but has no say in the layout.
    down = sorted((a, b) for a, b in data | order if a < b)
    layout = place([box.size for box in boxes], down)
    paths = [
        _path(route, "order" if pair in order else "data")
        for pair, route in zip(down, layout.routes, strict=True)
    ]
    paths += [
        _path(_way_back(*pair, boxes, layout), "order") for pair in data if pair[0] >= pair[1]
    ]
    return "\n".join(_document(graph, boxes, layout, paths))


def _arrows(pairs: Iterable[tuple[str, str]], index: Mapping[str, int]) -> set[tuple[int, int]]:
    """From and to which box, for pairs of nodes that are both drawn."""
    return {(index[a], index[b]) for a, b in pairs if a in index and b in index}


def _drawn(graph: Graph) -> set[str]:
    """What depends on the inputs, and what is there for its effect: not what only prepares
    weights and constants for another node."""
    makers = {node.name: graph.makers(node.name) for node in graph.nodes}
    takers: dict[str, list[str]] = {}
    for name, sources in makers.items():
        for source in sources:
            takers.setdefault(source, []).append(name)
    flowing = _reached(graph.inputs, takers)
    needed = _reached(flowing, makers)
    ends = {port.partition(":")[0] for port in graph.outputs}
    effects = {n.name for n in graph.nodes if n.name not in needed and n.op not in _PLUMBING}
    return flowing | effects | ends


def _reached(start: Iterable[str], following: Mapping[str, Iterable[str]]) -> set[str]:
    """`start`, and all that follows in any number of steps; there may be loops."""
    found, waiting = set(start), list(start)
    while waiting:
        new = set(following.get(waiting.pop(), ())) - found
        found |= new
        waiting += new
    return found


def _weights(graph: Graph, drawn: set[str]) -> dict[str, list[str]]:
    """Node that is drawn -> "name shape" of the variables that it takes by ways not drawn."""
    carried: dict[str, dict[str, None]] = {}
    for variable in graph.variables:
        sizes = "x".join(map(str, variable.tensor.shape or ())) or "scalar"
        carried[variable.node] = {f"{variable.name.rpartition('/')[2]} {sizes}": None}
    for node in graph.nodes:
        for maker in graph.makers(node.name):
            if maker not in drawn:
                carried.setdefault(node.name, {}).update(carried.get(maker, {}))
    return {name: list(texts) for name, texts in carried.items() if name in drawn}


def _box(graph: Graph, node: Node, weights: list[str]) -> _Box:
    ends = (*graph.inputs, *(port.partition(":")[0] for port in graph.outputs))
    if node.name in ends:
        kind = "end"
    elif node.functions:
        kind = "call"
    else:
        kind = "matrix" if node.op.startswith(_MATRIX) else "other"
    lines = [
        node.op + (f" ({' + '.join(node.fused)})" if node.fused else ""),
        node.name if len(node.name) <= _WIDEST else "..." + node.name[3 - _WIDEST :],
        *_first([str(tensor) for tensor in node.outputs], 3),
        *(f"{role}: {name}" for role, name in node.functions.items()),
        *_first(weights, 6),
    ]
    return _Box(node, kind, tuple(lines))


def _first(lines: list[str], count: int) -> list[str]:
    more = len(lines) - count
    return lines[:count] + ([f"and {more} more"] if more > 0 else [])


def _document(graph: Graph, boxes: list[_Box], layout: Layout, paths: list[str]) -> Iterator[str]:
    width, height = max(layout.width, 460.0) + 40, layout.height + _HEAD + 40
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}">'
    )
    yield f"<title>{escape(graph.name)}</title><style>{_STYLE}</style>"
    yield (
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" '
        'markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z" style="fill:#778;stroke:none"/>'
        "</marker></defs>"
    )
    yield '<rect width="100%" height="100%" style="fill:white;stroke:none"/>'
    yield from _legend(graph)
    yield f'<g transform="translate(20 {_HEAD})">'
    yield from paths
    for box, centre in zip(boxes, layout.centres, strict=True):
        yield from _drawing(box, centre)
    yield "</g></svg>"


def _legend(graph: Graph) -> Iterator[str]:
    stage = "after Grappler" if graph.is_optimized else "as traced"
    yield f'<text class="op" x="20" y="18">{escape(graph.name)}, {stage}</text>'
    x = 20.0
    for kind, words in _LEGEND.items():
        yield f'<rect x="{x:.0f}" y="26" width="11" height="11" fill="{_COLOURS[kind]}"/>'
        yield f'<text class="note" x="{x + 16:.0f}" y="36">{words}</text>'
        x += 30 + _LETTER * len(words)


def _drawing(box: _Box, centre: Point) -> Iterator[str]:
    (x, y), (width, height) = centre, box.size
    left, top = x - width / 2, y - height / 2
    yield f"<g><title>{escape(box.node.name)}</title>"
    yield (
        f'<rect x="{left:.1f}" y="{top:.1f}" width="{width:.1f}" height="{height:.1f}" rx="3" '
        f'fill="{_COLOURS[box.kind]}"/>'
    )
    for number, line in enumerate(box.lines):
        kind = "op" if number == 0 else "note" if number == 1 else ""
        down = top + _PAD + _LINE * (number + 0.75)
        yield f'<text class="{kind}" x="{left + _PAD:.1f}" y="{down:.1f}">{escape(line)}</text>'
    yield "</g>"


def _path(route: list[Point], kind: str) -> str:
    """A curve that leaves and reaches every point straight down."""
    text = "M{:.1f} {:.1f}".format(*route[0])
    for (x0, y0), (x1, y1) in pairwise(route):
        middle = (y0 + y1) / 2
        text += f"C{x0:.1f} {middle:.1f} {x1:.1f} {middle:.1f} {x1:.1f} {y1:.1f}"
    return f'<path class="{kind}" d="{text}" marker-end="url(#tip)"/>'


def _way_back(first: int, then: int, boxes: list[_Box], layout: Layout) -> list[Point]:
    """From the bottom of one box to the top of one above it."""
    (x0, y0), (x1, y1) = layout.centres[first], layout.centres[then]
    return [(x0, y0 + boxes[first].size[1] / 2), (x1, y1 - boxes[then].size[1] / 2)]
