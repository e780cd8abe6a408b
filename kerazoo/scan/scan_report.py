"""What a scan found."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

Severity = Literal["danger", "notice"]


@dataclass(frozen=True)
class Finding:
    """One thing that was found in a file.

    Attributes:
        severity: "danger" for what can run code, reach other files or exhaust the machine; "notice"
            for what a reader should know.
        where: the file, and the place in it.
        what: the thing, in words.
    """

    severity: Severity
    where: str
    what: str


@dataclass(frozen=True)
class Report:
    """What `kerazoo.verify` found in a file; printed, a short list.

    Attributes:
        path: of the file.
        kind: "Keras model", "HDF5 file", "SavedModel", "TFLite model", "safetensors file",
            "NumPy file", "pickle", "archive", "zoo config", "Keras config" or "folder".
        findings: dangers first.
    """

    path: str
    kind: str
    findings: tuple[Finding, ...]

    @property
    def is_safe(self) -> bool:
        """Whether nothing dangerous was found."""
        return not any(finding.severity == "danger" for finding in self.findings)

    def to_dict(self) -> dict[str, Any]:
        """For JSON: the attributes and `is_safe`."""
        found = [asdict(finding) for finding in self.findings]
        return {"path": self.path, "kind": self.kind, "is_safe": self.is_safe, "findings": found}

    def __str__(self) -> str:
        dangers = sum(finding.severity == "danger" for finding in self.findings)
        notices = len(self.findings) - dangers
        counts = [
            f"{number} {word}{'s' * (number > 1)}"
            for number, word in ((dangers, "danger"), (notices, "notice"))
            if number
        ]
        if not dangers:
            counts.insert(0, "nothing dangerous found")
        lines = [f"{self.path} ({self.kind}): {', '.join(counts)}"]
        lines += [f"  {one.severity}  {one.where}: {one.what}" for one in self.findings]
        return "\n".join(map(_printable, lines))


def _printable(line: str) -> str:
    """Names in a file are a stranger's: no control characters reach a terminal."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in line)
