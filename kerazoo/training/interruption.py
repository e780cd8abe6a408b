"""Stopping a training run between two steps, when Ctrl-C or SIGTERM asks for it."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType


class StopRequest:
    """Notes Ctrl-C and SIGTERM instead of acting on them, until the loop can stop in order."""

    def __init__(self) -> None:
        self._signal: int | None = None

    @property
    def asked(self) -> bool:
        """Whether a signal has come."""
        return self._signal is not None

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Note signals inside; a second one acts at once. Other threads than the main one cannot
        listen: there nothing changes."""
        self._signal = None
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        numbers = (signal.SIGINT, signal.SIGTERM)
        self._before = {number: signal.signal(number, self._note) for number in numbers}
        try:
            yield
        finally:
            for number, handler in self._before.items():
                signal.signal(number, handler)

    def pass_on(self) -> None:
        """Let what was asked for happen now, as if nobody had listened."""
        if self._signal is not None:
            signal.raise_signal(self._signal)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._signal = number
        signal.signal(number, self._before[signal.Signals(number)])
