"""Draw how far each figure of the benchmark is beyond its bar, from the benchmark's JSON.

    PYTHONPATH=tools python -m benchmarks.plot FILE.json FILE.svg

A line for each row whose bar is a bound, grouped by suite. Narrow, so that a phone shows it in a
size that can be read.
"""

from __future__ import annotations

import json
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.bars import figure_of, read_bar, verdict

WIDTH, LINE = 4.6, 0.165  # inches: the picture, and a line of text
SIZE, LETTERS = 9, 62  # of text, in points, and how many of them fit into a line
SPLIT = 0.62  # of the width: dots are left of it, figures right
LEAST, MOST = 0.5, 100  # what is further out is drawn at the edge, as an arrow
MET, MISSED = "#0072b2", "#d55e00"  # told apart by the colour-blind too


@dataclass(frozen=True)
class Entry:
    """A row of the picture: `label` in lines, its figure and bar in words, and the margin."""

    label: list[str]
    said: str
    margin: float
    is_met: bool


def draw(record: dict[str, Any], path: str) -> None:
    """Write the picture; its format is that of the name's end.

    Raises ValueError if no row has a bar that can be drawn.
    """
    import matplotlib

    # Text stays text: it can be searched, and the file is a fifth. The same record gives the
    # same file.
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "kerazoo"}):
        figure = drawn(record)
        is_svg = path.endswith(".svg")
        figure.savefig(path, dpi=200, metadata={"Date": None} if is_svg else None)


def drawn(record: dict[str, Any]) -> Any:
    """matplotlib's figure."""
    from matplotlib.figure import Figure

    groups = {suite: list(entries(rows)) for suite, rows in record["suites"].items()}
    groups = {suite: found for suite, found in groups.items() if found}
    if not groups:
        raise ValueError("No row has a figure and a bar that can be drawn.")
    head = _head(record)
    lines = 1 + sum(2 + sum(_height(entry) for entry in found) for found in groups.values())
    height = LINE * (lines + len(head) + 5)
    figure = Figure(figsize=(WIDTH, height), facecolor="white")
    bottom = 3 * LINE / height
    axes = figure.add_axes((0.03, bottom, SPLIT - 0.05, lines * LINE / height), facecolor="none")
    axes.set(ylim=(lines, 0), xscale="log", xlim=(0.8 * LEAST, 1.25 * MOST))
    axes.set_yticks([])
    axes.set_xticks([0.5, 1, 2, 5, 10, 100], ["0.5", "1", "2", "5", "10", "100"], fontsize=SIZE)
    axes.minorticks_off()
    axes.spines[["left", "right", "top"]].set_visible(False)
    _write_head(figure, head, height)
    axes.set_xlabel("how far beyond the bar: 1 = just met", fontsize=SIZE)
    at = 0.0
    for suite, found in groups.items():
        at += 1
        _write(axes, at + 0.5, suite, fontweight="bold")
        at += 1
        for entry in found:
            _draw_entry(axes, at, entry)
            at += _height(entry)
    return figure


def entries(rows: list[dict[str, Any]]) -> Iterator[Entry]:
    """Of the rows with a figure and a bound for it."""
    for row in rows:
        if verdict(row) not in ("met", "missed") or read_bar(row["bar"]).equal is not None:
            continue
        bar, figure = read_bar(row["bar"]), float(figure_of(row))
        against = "" if row["ratio"] is None else f", against {row['peer']}"
        yield Entry(
            label=textwrap.wrap(row["what"] + against, LETTERS),
            said=f"{_short(figure)} ({row['bar'].replace('<=', '≤').replace('>=', '≥')})",
            margin=bar.margin(figure),
            is_met=bar.is_met(figure),
        )


def _short(figure: float) -> str:
    return f"{figure:.0f}" if figure >= 1000 else f"{figure:.4g}"


def _height(entry: Entry) -> float:
    return len(entry.label) + 1.4


def _head(record: dict[str, Any]) -> list[str]:
    """What was measured, where and when."""
    environment = record["environment"]
    versions = environment["versions"]
    described = (
        f"{record['date'][:10]}, {environment['cores']} cores of {environment['processor']}, "
        f"Keras {versions['keras']}, TensorFlow {versions['tensorflow']}"
    )
    quick = ["A quick run: these figures mean nothing."] if record["quick"] else []
    return [*quick, *textwrap.wrap(described, LETTERS)]


def _write_head(figure: Any, head: list[str], height: float) -> None:
    for number, text in enumerate(["Figures and their bars", *head]):
        weight = "normal" if number else "bold"
        y = 1 - (number + 0.8) * LINE / height
        figure.text(0.03, y, text, fontsize=SIZE, fontweight=weight, va="center", parse_math=False)
    y = 1 - (len(head) + 1.8) * LINE / height
    figure.text(0.03, y, "● met", fontsize=SIZE, color=MET, va="center")
    figure.text(0.25, y, "✕ missed", fontsize=SIZE, color=MISSED, va="center")


def _draw_entry(axes: Any, at: float, entry: Entry) -> None:
    """Its label, and below that the dot with a line to the bar, and the figure."""
    for number, text in enumerate(entry.label):
        _write(axes, at + number + 0.5, text)
    y = at + len(entry.label) + 0.5
    colour = MET if entry.is_met else MISSED
    x = min(max(entry.margin, LEAST), MOST)
    axes.plot([1, 1], [y - 0.6, y + 0.6], color="#999", linewidth=0.8, zorder=0)
    axes.plot([1, x], [y, y], color=colour, linewidth=1.5, solid_capstyle="butt")
    marker = "o" if entry.is_met else "X"
    if x != entry.margin:
        marker = ">" if entry.margin > x else "<"
    axes.plot([x], [y], marker=marker, color=colour, markersize=6, clip_on=False)
    beside = (SPLIT - 0.02) / (SPLIT - 0.05)
    _write(axes, y, entry.said, x=beside, color=colour)


def _write(axes: Any, y: float, text: str, *, x: float = 0.0, **look: Any) -> None:
    """`x` in parts of the axes' width, `y` in lines."""
    across = axes.get_yaxis_transform()
    axes.text(x, y, text, transform=across, fontsize=SIZE, va="center", parse_math=False, **look)


if __name__ == "__main__":
    source, picture = sys.argv[1:]
    draw(json.loads(Path(source).read_text()), picture)
