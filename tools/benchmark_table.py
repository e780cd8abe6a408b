"""Rows of the benchmark's tables: what was measured, against what, and how it is shown."""

from __future__ import annotations

import sys
from typing import Any

Row = dict[str, Any]


def row(what: str, value: float, peer: str, peer_value: float, ratio: float, bar: str) -> Row:
    return {
        "what": what,
        "kerazoo": value,
        "peer": peer,
        "peer_value": peer_value,
        "ratio": ratio,
        "bar": bar,
    }


def fact(what: str, value: Any, bar: str) -> Row:
    return {"what": what, "kerazoo": value, "bar": bar}


def progress(text: str) -> None:
    print(f"... {text}", file=sys.stderr, flush=True)


def print_rows(suite: str, rows: list[Row]) -> None:
    columns = ("what", "kerazoo", "peer", "peer_value", "ratio", "bar")
    cells = [[_short(row.get(column, "")) for column in columns] for row in rows]
    table = [list(columns), *cells]
    widths = [max(len(line[i]) for line in table) for i in range(len(columns))]
    print(f"\n{suite}")
    for line in table:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)))


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
