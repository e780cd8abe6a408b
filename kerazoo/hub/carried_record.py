"""What a `.keras` file says beside a SavedModel that it carries: the handle, and the SHA-256."""

from __future__ import annotations

import json
from pathlib import Path

RECORD = "kerazoo_hub.json"


def write_record(folder: Path, *, handle: str, sha256: str) -> None:
    """Write the record into `folder`."""
    content = json.dumps({"handle": handle, "sha256": sha256})
    (folder / RECORD).write_text(content, encoding="utf-8")
