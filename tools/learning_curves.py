#!/usr/bin/env python
"""Draw learning curves of agents as an SVG, from the run folders of several seeds.

    python tools/learning_curves.py OUT.svg RUNS

RUNS holds folders NAME_SEED, each with the history.csv of a run of the recipe NAME. One picture
per recipe, one line per seed: the mean return of the evaluation episodes over environment steps.
"""

from __future__ import annotations

import csv
import sys
from collections import defaultdict
from pathlib import Path

WIDTH, HEIGHT, LEFT, TOP, GAP_X, GAP_Y = 260, 150, 46, 30, 70, 62  # pixels
COLUMNS = 3
COLOURS = (
    "#0072b2",
    "#d55e00",
    "#009e73",
    "#cc79a7",
    "#e69f00",
)  # told apart by the colour-blind too

Curve = list[tuple[float, float]]


def read(folder: Path) -> dict[str, list[Curve]]:
    """Recipe name to a curve for each seed."""
    curves = defaultdict(list)
    for path in sorted(folder.glob("*_[0-9]/history.csv")):
        with path.open() as file:
            rows = list(csv.DictReader(file))
        name = path.parent.name.rpartition("_")[0]
        curves[name].append([(float(r["steps"]), float(r["mean_return"])) for r in rows])
    return dict(sorted(curves.items()))


def draw(curves: dict[str, list[Curve]]) -> str:
    """The whole SVG."""
    rows = -(-len(curves) // COLUMNS)
    width = LEFT + COLUMNS * (WIDTH + GAP_X) - GAP_X + 14
    height = TOP + rows * (HEIGHT + GAP_Y)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'font-family="sans-serif" font-size="11" fill="#333">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
    ]
    for number, (name, lines) in enumerate(curves.items()):
        x = LEFT + number % COLUMNS * (WIDTH + GAP_X)
        y = TOP + number // COLUMNS * (HEIGHT + GAP_Y)
        parts.append(f'<g transform="translate({x},{y})">{_panel(name, lines)}</g>')
    return "\n".join([*parts, "</svg>\n"])


def _panel(name: str, lines: list[Curve]) -> str:
    points = [point for line in lines for point in line]
    most_steps = max(steps for steps, _ in points)
    low, high = min(0.0, *(r for _, r in points)), max(0.0, *(r for _, r in points))

    def at(steps: float, value: float) -> str:
        return f"{WIDTH * steps / most_steps:.1f},{HEIGHT * (high - value) / (high - low):.1f}"

    drawn = [
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="none" stroke="#bbb"/>',
        f'<text x="0" y="-8" font-weight="bold">{name}</text>',
        f'<text x="-6" y="8" text-anchor="end">{high:.0f}</text>',
        f'<text x="-6" y="{HEIGHT}" text-anchor="end">{low:.0f}</text>',
        f'<text x="0" y="{HEIGHT + 15}">0</text>',
        f'<text x="{WIDTH}" y="{HEIGHT + 15}" text-anchor="end">{most_steps:,.0f} steps</text>',
    ]
    for colour, line in zip(COLOURS, lines, strict=False):
        path = " ".join(at(*point) for point in line)
        end = at(*line[-1]).split(",")
        drawn.append(
            f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.3"/>'
            f'<circle cx="{end[0]}" cy="{end[1]}" r="2.5" fill="{colour}"/>'
        )
    return "".join(drawn)


if __name__ == "__main__":
    out, runs = map(Path, sys.argv[1:])
    out.write_text(draw(read(runs)))
