"""Where a run that cannot be resumed is kept: in a folder that nothing is in yet."""

from __future__ import annotations

import os
from pathlib import Path

from kerazoo.errors import RunError


def new_run_folder(output_dir: str | os.PathLike[str] | None, name: str) -> Path:
    """The one asked for, if it is empty; else the first of runs/NAME, runs/NAME-2 ... that is."""
    if output_dir is not None:
        if not _is_free(Path(output_dir)):
            raise RunError(f"{os.fspath(output_dir)!r} is not empty. Choose another output_dir.")
        return Path(output_dir)
    first = Path("runs") / name
    others = (first.with_name(f"{first.name}-{number}") for number in range(2, 10_000))
    return next(path for path in (first, *others) if _is_free(path))


def _is_free(path: Path) -> bool:
    return not path.exists() or (path.is_dir() and not any(path.iterdir()))
