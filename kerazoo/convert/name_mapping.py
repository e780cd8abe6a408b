"""Which variable of a checkpoint goes into which of a model, to be read before it is used."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class NameMapping:
    """Pairs of variables, and how they were found; prints as a table.

    Attributes:
        pairs: the model's variable, by path -> the checkpoint's, by name.
        shapes: of each of the model's variables.
        reasons: why each pair: "given", "only one of this shape", "name", "same scope", "number".
        unused: names in the checkpoint that nothing took, without the optimizer's.

    >>> from kerazoo.convert import NameMapping
    >>> print(NameMapping({"a/kernel": "W"}, {"a/kernel": (4, 2)}, {"a/kernel": "given"}))
    model     checkpoint  shape  found by
    a/kernel  W           4x2    given
    """

    pairs: dict[str, str]
    shapes: dict[str, tuple[int, ...]]
    reasons: dict[str, str]
    unused: tuple[str, ...] = ()

    def __str__(self) -> str:
        rows = [("model", "checkpoint", "shape", "found by")]
        rows += [
            (path, name, "x".join(map(str, self.shapes[path])) or "scalar", self.reasons[path])
            for path, name in self.pairs.items()
        ]
        widths = [max(len(row[column]) for row in rows) for column in range(4)]
        lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
        if self.unused:
            lines.append(f"not used: {', '.join(self.unused)}")
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        return {
            "pairs": dict(self.pairs),
            "shapes": {path: list(shape) for path, shape in self.shapes.items()},
            "reasons": dict(self.reasons),
            "unused": list(self.unused),
        }
