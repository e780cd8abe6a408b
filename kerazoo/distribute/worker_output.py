"""What several workers print, as whole lines with the worker's name in front."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from typing import IO, TextIO

_REDRAWN_EVERY = 10.0  # seconds between two pictures of a bar that is redrawn in its line


class WorkerOutput:
    """Passes on a worker's pipe line by line.

    A progress bar that is redrawn with carriage returns shows its last picture when its line ends,
    and one every ten seconds until then.

    Args:
        pipe: what the worker writes to.
        name: put in front, as "[name] ".
        write: takes one whole line, "\\n" included.
    """

    def __init__(self, pipe: IO[bytes], name: str, write: Callable[[str], None]):
        self.pipe, self.name, self.write = pipe, name, write
        self.line = b""  # what came since the last "\n"
        self.shown_at = time.monotonic()
        self.thread = threading.Thread(target=self._pass_on, daemon=True)
        self.thread.start()

    def finish(self, seconds: float) -> None:
        """Wait for the rest; no longer, since a process that left its group may hold the pipe."""
        self.thread.join(seconds)

    def _pass_on(self) -> None:
        with self.pipe:
            while data := self.pipe.read1(65_536):  # type: ignore[attr-defined]
                *whole, self.line = (self.line + data).split(b"\n")
                for line in whole:
                    self._show(line)
                if b"\r" in self.line and time.monotonic() - self.shown_at > _REDRAWN_EVERY:
                    self._show(self.line[: self.line.rindex(b"\r")])
                self.line = self.line[max(self.line.rfind(b"\r", 0, -1), 0) :]  # no longer needed
        if self.line.strip(b"\r\b"):
            self._show(self.line)

    def _show(self, line: bytes) -> None:
        picture = line.rstrip(b"\r\b").rsplit(b"\r", 1)[-1].lstrip(b"\b")
        self.shown_at = time.monotonic()
        self.write(f"[{self.name}] {picture.decode(errors='replace')}\n")


def line_writer(stream: TextIO, lock: threading.Lock) -> Callable[[str], None]:
    """Writes to `stream`, one thread at a time. A reader that has gone (`| head`), or a full disk
    under a log, does not end the training: such lines are lost."""
    encoding = getattr(stream, "encoding", None) or "utf-8"

    def write(line: str) -> None:
        with lock, contextlib.suppress(OSError, ValueError):
            stream.write(line.encode(encoding, "replace").decode(encoding))
            stream.flush()

    return write
