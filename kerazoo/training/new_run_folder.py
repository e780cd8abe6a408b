"""Where a run that cannot be resumed is kept: in a folder that nothing is in yet."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from kerazoo.errors import RunError


def check_is_free(output_dir: str | os.PathLike[str] | None) -> None:
    """Raise `RunError` if a folder is asked for, and something is in it."""
    if output_dir is None or not os.path.lexists(output_dir):
        return
    if not Path(output_dir).is_dir() or any(Path(output_dir).iterdir()):
        raise RunError(f"{os.fspath(output_dir)!r} is not empty. Choose another output_dir.")


def new_run_folder(output_dir: str | os.PathLike[str] | None, name: str) -> Path:
    """Make the one asked for, or the first of runs/NAME, runs/NAME-2 ... that is not there.

    Raises:
        RunError: it is not empty, or cannot be made.
    """
    check_is_free(output_dir)
    first = Path(output_dir or Path("runs") / name)
    try:
        if output_dir is not None:
            first.mkdir(parents=True, exist_ok=True)
            return first
        first.parent.mkdir(parents=True, exist_ok=True)
        return _made(first)
    except OSError as error:
        raise RunError(f"Cannot create the folder {str(first)!r}: {error.strerror}.") from error


def _made(first: Path) -> Path:
    """In one step, so that another process that looks for a name at this moment takes the next."""
    number = 1
    while True:
        path = first if number == 1 else first.with_name(f"{first.name}-{number}")
        with contextlib.suppress(FileExistsError):
            path.mkdir()
            return path
        number += 1
