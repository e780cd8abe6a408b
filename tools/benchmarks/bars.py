"""Bars: what a figure must be, as ">= 0.95", "<= 1e-3", "0.9 to 1.1" or "= True"."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

_NUMBER = r"[0-9.]+(?:e[+-]?[0-9]+)?"


@dataclass(frozen=True)
class Bar:
    """Figures from `low` to `high`, or the one whose text is `equal`."""

    low: float = -math.inf
    high: float = math.inf
    equal: str | None = None

    def is_met(self, figure: Any) -> bool:
        if self.equal is not None:
            return str(figure) == self.equal
        return self.low <= figure <= self.high

    def margin(self, figure: float) -> float:
        """How far a figure is beyond its bar: 2 is twice as good as asked, 1 just met, below 1
        missed. Of bounds above 0, and figures of 0 and above.

        >>> Bar(low=2.0).margin(3.0), Bar(high=2.0).margin(4.0)
        (1.5, 0.5)
        """
        above = figure / self.low if self.low > 0 else math.inf
        below = self.high / figure if figure > 0 else math.inf
        return min(above, below)


def read_bar(text: str) -> Bar:
    """Raises ValueError for what is no bar."""
    if found := re.fullmatch(f"([<>])= ({_NUMBER})", text):
        number = float(found[2])
        return Bar(low=number) if found[1] == ">" else Bar(high=number)
    if found := re.fullmatch(f"({_NUMBER}) to ({_NUMBER})", text):
        return Bar(low=float(found[1]), high=float(found[2]))
    if found := re.fullmatch("= (.+)", text):
        return Bar(equal=found[1])
    raise ValueError(
        f"A bar is '>= x', '<= x', 'x to y' or '= text', x and y numbers. Received: {text!r}."
    )


def figure_of(row: dict[str, Any]) -> Any:
    """What the bar of a row is for: the ratio to a peer, or else kerazoo's own figure."""
    return row["kerazoo"] if row["ratio"] is None else row["ratio"]


def verdict(row: dict[str, Any]) -> str:
    """ "met", "missed" or "not measured"; "" where there is no bar."""
    if not row["bar"]:
        return ""
    figure = figure_of(row)
    if str(figure).startswith("not measured"):
        return "not measured"
    return "met" if read_bar(row["bar"]).is_met(figure) else "missed"
