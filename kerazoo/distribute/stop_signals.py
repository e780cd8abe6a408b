"""Ctrl-C and the like, noted for a launcher that has workers to end before it ends itself."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType


class StopSignals:
    """The signals that came while listening, oldest first."""

    def __init__(self) -> None:
        self.came: list[int] = []

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Note SIGINT, SIGTERM and SIGHUP instead of acting on them; what was ignored (nohup) stays
        so. Other threads than the main one cannot listen: there nothing changes."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        before = {number: signal.getsignal(number) for number in numbers}
        for number, handler in before.items():
            if handler != signal.SIG_IGN:
                signal.signal(number, self._note)
        try:
            yield
        finally:
            for number, handler in before.items():
                # None stands for a handler that is not Python's: it cannot be put back.
                signal.signal(number, signal.SIG_DFL if handler is None else handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.came.append(number)
