"""How a worker tells the launcher that it advances: its step, in a file that `launch` watches."""

from __future__ import annotations

import os
from typing import NamedTuple

from kerazoo.errors import RunError

VARIABLE = "KERAZOO_HEARTBEAT"
_WIDTH = 20  # constant, so that numbers are overwritten in place: a full disk does not matter

_file: tuple[str, int] | None = None  # the path that was opened, and its descriptor


def beat(step: int) -> None:
    """Say that this process is alive and advancing.

    Does nothing unless the environment variable KERAZOO_HEARTBEAT names a file, as `kerazoo launch`
    lets it do; else costs one small write, some microseconds. `kerazoo.training.Loop` calls it once
    per step. Call it in a loop of your own, and in long work between steps (with the same step).

    Args:
        step: optimizer steps done so far, 0 or more.

    Raises:
        RunError: the file cannot be written.

    >>> import kerazoo
    >>> kerazoo.distribute.beat(10)
    """
    path = os.environ.get(VARIABLE)
    if not path:
        return
    try:
        os.pwrite(_descriptor(path), b"%*d" % (_WIDTH, step), 0)
    except OSError as error:
        raise RunError(
            f"The heartbeat file {path!r} ({VARIABLE}) cannot be written: {error.strerror}. "
            f"Start the workers anew, or unset {VARIABLE}."
        ) from error


class Beat(NamedTuple):
    """A sign of life: the steps done, and when, in seconds since 1970."""

    step: int
    time: float


def last_beat(path: str | os.PathLike[str]) -> Beat | None:
    """The newest one; None before the first."""
    try:
        with open(path, "rb") as file:
            text = file.read(_WIDTH)
            when = os.fstat(file.fileno()).st_mtime
    except FileNotFoundError:
        return None
    return Beat(int(text), when) if text.strip() else None


def _descriptor(path: str) -> int:
    global _file
    if _file is None or _file[0] != path:
        if _file is not None:
            os.close(_file[1])
        _file = (path, os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
    return _file[1]
