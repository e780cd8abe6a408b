"""Places boxes in layers so that all arrows point down: Sugiyama's method, in its plain form.

Layers by longest path; arrows across several layers get a bend in each; the order within a layer
by the mean of the neighbours, the positions by least squares. Source: Sugiyama, Tagawa, Toda 1981,
doi:10.1109/TSMC.1981.4308636.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

Point = tuple[float, float]

_GAP, _ROW_GAP, _BEND = 24.0, 34.0, 10.0
_SWEEPS = 8


@dataclass(frozen=True)
class Layout:
    """Where everything is, in pixels.

    Attributes:
        centres: of the boxes.
        routes: for each arrow, the points it runs through: its ends, and two for each layer
            between, where it runs straight down.
        width, height: of the whole.
    """

    centres: list[Point]
    routes: list[list[Point]]
    width: float
    height: float


def place(sizes: Sequence[Point], arrows: Sequence[tuple[int, int]]) -> Layout:
    """Place boxes of these (width, height); `arrows` (from, to) must not form a circle."""
    ranks = _ranks(len(sizes), arrows)
    boxes = list(sizes)
    chains = []  # of each arrow: box, bends, box
    for source, target in arrows:
        bends = range(len(boxes), len(boxes) + ranks[target] - ranks[source] - 1)
        ranks += range(ranks[source] + 1, ranks[target])
        boxes += [(_BEND, 0.0)] * len(bends)
        chains.append([source, *bends, target])
    layers: list[list[int]] = [[] for _ in range(max(ranks, default=-1) + 1)]
    for index, rank in enumerate(ranks):
        layers[rank].append(index)
    above: list[list[int]] = [[] for _ in boxes]
    below: list[list[int]] = [[] for _ in boxes]
    for chain in chains:
        for upper, lower in pairwise(chain):
            above[lower].append(upper)
            below[upper].append(lower)
    widths = [width for width, _ in boxes]
    across = _positions(layers, above, below, widths)
    tops, bottoms, down = _rows(layers, boxes)
    left = min((x - width / 2 for x, width in zip(across, widths, strict=True)), default=0.0)
    centres = [(x - left, down[rank]) for x, rank in zip(across, ranks, strict=True)]
    routes = [_route(chain, centres, boxes, ranks, tops, bottoms) for chain in chains]
    right = max((x + w / 2 for (x, _), w in zip(centres, widths, strict=True)), default=0.0)
    return Layout(centres[: len(sizes)], routes, right, bottoms[-1] if bottoms else 0.0)


def _ranks(count: int, arrows: Sequence[tuple[int, int]]) -> list[int]:
    """The length of the longest way to each box; inputs stand right above their first taker."""
    takers: list[list[int]] = [[] for _ in range(count)]
    waiting = [0] * count
    for source, target in arrows:
        takers[source].append(target)
        waiting[target] += 1
    sources = [index for index in range(count) if not waiting[index]]
    ranks, ready = [0] * count, list(sources)
    while ready:
        index = ready.pop()
        for taker in takers[index]:
            ranks[taker] = max(ranks[taker], ranks[index] + 1)
            waiting[taker] -= 1
            if not waiting[taker]:
                ready.append(taker)
    for index in sources:
        ranks[index] = min((ranks[taker] - 1 for taker in takers[index]), default=0)
    return ranks


def _positions(
    layers: list[list[int]], above: list[list[int]], below: list[list[int]], widths: list[float]
) -> list[float]:
    """Centres from left to right; sorts each layer on the way."""
    across = [0.0] * len(widths)
    for layer in layers:
        _spread(layer, [0.0] * len(layer), widths, across)
    for sweep in range(2 * _SWEEPS):
        neighbours, order = (above, layers) if sweep % 2 == 0 else (below, layers[::-1])
        for layer in order:
            wanted = {index: _mean(index, neighbours, across) for index in layer}
            if sweep < _SWEEPS:
                layer.sort(key=wanted.__getitem__)
            _spread(layer, [wanted[index] for index in layer], widths, across)
    return across


def _mean(index: int, neighbours: list[list[int]], across: list[float]) -> float:
    found = neighbours[index]
    return sum(across[each] for each in found) / len(found) if found else across[index]


def _spread(
    layer: list[int], wanted: list[float], widths: list[float], across: list[float]
) -> None:
    """Put the boxes of a layer, in their order, as near as possible to where they want to be.

    Least squares under the gaps between neighbours: with the gaps taken off, positions may only
    rise, which pooling of neighbours that fall solves exactly (isotonic regression).
    """
    offsets = [0.0]
    blocks: list[tuple[float, int]] = []
    for left, right in pairwise(layer):
        offsets.append(offsets[-1] + (widths[left] + widths[right]) / 2 + _GAP)
    for each, offset in zip(wanted, offsets, strict=False):
        total, count = each - offset, 1
        while blocks and blocks[-1][0] / blocks[-1][1] > total / count:
            earlier = blocks.pop()
            total, count = total + earlier[0], count + earlier[1]
        blocks.append((total, count))
    values = [total / count for total, count in blocks for _ in range(count)]
    for index, value, offset in zip(layer, values, offsets, strict=False):
        across[index] = value + offset


def _rows(
    layers: list[list[int]], boxes: Sequence[Point]
) -> tuple[list[float], list[float], list[float]]:
    """Top, bottom and middle of each layer."""
    tops, bottoms = [], []
    height = 0.0
    for layer in layers:
        tops.append(height)
        bottoms.append(height + max(boxes[index][1] for index in layer))
        height = bottoms[-1] + _ROW_GAP
    middles = [(top + bottom) / 2 for top, bottom in zip(tops, bottoms, strict=True)]
    return tops, bottoms, middles


def _route(
    chain: list[int],
    centres: list[Point],
    boxes: Sequence[Point],
    ranks: list[int],
    tops: list[float],
    bottoms: list[float],
) -> list[Point]:
    first, *bends, last = chain
    points = [(centres[first][0], centres[first][1] + boxes[first][1] / 2)]
    for bend in bends:
        x = centres[bend][0]
        points += [(x, tops[ranks[bend]]), (x, bottoms[ranks[bend]])]
    return [*points, (centres[last][0], centres[last][1] - boxes[last][1] / 2)]
