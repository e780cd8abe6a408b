"""The patterns that zeros can make: anywhere, m of n, whole blocks."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from kerazoo.argument_checks import check_integer
from kerazoo.errors import ConfigError, unknown_name

_LARGEST_GROUP = 64  # comparing each with each grows with the square


@dataclass(frozen=True)
class PruningPattern:
    """A pattern by its name, with the size and pooling of blocks, checked."""

    name: str
    """"unstructured", "block", or "m:n" with numbers, as "2:4": 2 of 4 stay."""
    block_size: Sequence[int] = (1, 4)
    block_pooling: str = "avg"

    def __post_init__(self) -> None:
        if self.name not in ("unstructured", "block") and self._numbers() is None:
            raise unknown_name("pattern", self.name, ["unstructured", "2:4", "block", "channel"])
        if self.block_pooling not in ("avg", "max"):
            raise unknown_name("block_pooling", self.block_pooling, ["avg", "max"])
        if not isinstance(self.block_size, Sequence) or len(self.block_size) != 2:
            raise ConfigError(
                f"`block_size` must be two integers, rows and columns. Received: "
                f"{self.block_size!r}."
            )
        object.__setattr__(self, "block_size", tuple(self.block_size))
        for length in self.block_size:
            check_integer("block_size", length)
        if self.kept is not None and not 0 < self.kept < self.group <= _LARGEST_GROUP:
            raise ConfigError(
                f"`pattern` m:n must have 0 < m < n <= {_LARGEST_GROUP}: m of n weights stay. "
                f"Received: {self.name!r}."
            )

    @property
    def is_block(self) -> bool:
        """Whether whole blocks are zero."""
        return self.name == "block"

    @property
    def kept(self) -> int | None:
        """m of "m:n", else None."""
        numbers = self._numbers()
        return numbers[0] if numbers else None

    @property
    def group(self) -> int:
        """n of "m:n", else 1."""
        numbers = self._numbers()
        return numbers[1] if numbers else 1

    @property
    def sparsity(self) -> float | None:
        """The fraction of zeros that "m:n" fixes, else None."""
        return None if self.kept is None else 1 - self.kept / self.group

    @property
    def usual_sparsity(self) -> float:
        """What is meant where no sparsity is said: what "m:n" fixes, else 0.8."""
        return 0.8 if self.sparsity is None else self.sparsity

    def _numbers(self) -> tuple[int, int] | None:
        match = re.fullmatch(r"(\d+):(\d+)", self.name) if isinstance(self.name, str) else None
        return (int(match[1]), int(match[2])) if match else None
