"""Rows of the benchmark's tables: what was measured, against what, and how it is shown."""

from __future__ import annotations

import sys
from typing import Any

Row = dict[str, Any]
COLUMNS = ("what", "kerazoo", "peer", "peer_value", "ratio", "bar")


class NotMeasured(Exception):
    """What a suite needs is not here; the message says what, and how to get it."""


def row(what: str, value: float, peer: str, peer_value: float, ratio: float, bar: str) -> Row:
    """Two contenders; the bar is for their ratio."""
    return dict(zip(COLUMNS, (what, value, peer, peer_value, ratio, bar), strict=True))


def fact(what: str, value: Any, bar: str) -> Row:
    """A figure of its own; the bar is for it."""
    return dict(zip(COLUMNS, (what, value, None, None, None, bar), strict=True))


def other(what: str, peer: str, peer_value: float) -> Row:
    """A contender that stands beside the others, without a ratio or a bar."""
    return dict(zip(COLUMNS, (what, None, peer, peer_value, None, ""), strict=True))


def unmeasured(what: str, reason: str, bar: str) -> Row:
    """A figure that is missing, and why."""
    return fact(what, f"not measured: {reason}", bar)


def progress(text: str) -> None:
    print(f"... {text}", file=sys.stderr, flush=True)


def print_rows(suite: str, rows: list[Row]) -> None:
    cells = [[_short(row[column]) for column in COLUMNS] for row in rows]
    table = [list(COLUMNS), *cells]
    widths = [max(len(line[i]) for line in table) for i in range(len(COLUMNS))]
    print(f"\n{suite}")
    for line in table:
        cells = [cell.ljust(width) for cell, width in zip(line, widths, strict=True)]
        print("  ".join(cells).rstrip(), flush=True)


def _short(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
