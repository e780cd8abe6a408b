"""Where a scan is: a file, what findings call it, and how the files inside of it are looked at."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from kerazoo.foreign.archive import Budget
from kerazoo.scan.scan_report import Finding

DEEPEST = 3
"""Archives within archives."""
MOST_FINDINGS = 1000
"""A scan ends there, unsafe: nobody would read on."""


@dataclass(frozen=True)
class Place:
    """A file that is looked at.

    Attributes:
        path: where it lies, which may be a temporary folder.
        name: what findings call it.
        look: scans another place, whatever kind of file it is.
        depth: how many archives it is in.
        budget: what all archives of the scan may still unpack to; one for all places.
    """

    path: Path
    name: str
    look: Callable[[Place], Iterator[Finding]]
    depth: int = 0
    budget: Budget = field(default_factory=Budget)

    def danger(self, what: str, at: str = "") -> Finding:
        """A finding in this file; `at`: where in it."""
        return Finding("danger", f"{self.name}: {at}" if at else self.name, what)

    def notice(self, what: str, at: str = "") -> Finding:
        """As `danger`, of the other kind."""
        return Finding("notice", f"{self.name}: {at}" if at else self.name, what)

    def told(self, error: object) -> Finding:
        """A danger in the words of an error, without what the finding says anyway."""
        text = str(error).replace(str(self.path), self.name)
        return self.danger(text.removeprefix(f"{self.name}: ").removeprefix(f"{self.name} "))

    def unread(self, error: object) -> Finding:
        """A danger as `told`: nobody knows what is in a file that cannot be read."""
        return self.danger(f"cannot be read, so it is not checked: {self.told(error).what}")

    def inside(self, path: Path, name: str) -> Iterator[Finding]:
        """Scan a file that lies in this folder."""
        return self.look(dataclasses.replace(self, path=path, name=f"{self.name}: {name}"))

    @contextmanager
    def unpacked(self) -> Iterator[Place]:
        """A folder, gone afterwards, for what is in this archive; findings call it as this one."""
        with tempfile.TemporaryDirectory(prefix="kerazoo-verify-") as folder:
            yield dataclasses.replace(self, path=Path(folder), depth=self.depth + 1)
