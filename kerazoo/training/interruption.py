"""Stopping a training run between two steps, when Ctrl-C, SIGTERM or SIGHUP asks for it."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any

_SIGNALS = [getattr(signal, n) for n in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, n)]


class StopRequest:
    """Notes Ctrl-C, SIGTERM and SIGHUP (a closed terminal) instead of acting on them, until the
    loop can stop in order. One that the process ignores, as under nohup, stays ignored."""

    def __init__(self) -> None:
        self._signal: int | None = None
        self._handlers: dict[int, Any] = {}

    @property
    def asked(self) -> bool:
        """Whether a signal has come."""
        return self._signal is not None

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Note the first signal inside; a second one, of any kind, acts at once. Other threads
        than the main one cannot listen: there nothing changes."""
        self._signal = None
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        for number in _SIGNALS:
            if signal.getsignal(number) == signal.SIG_IGN:
                continue
            # None stands for a handler that is not Python's: it cannot be put back.
            self._handlers[number] = signal.signal(number, self._note) or signal.SIG_DFL
        try:
            yield
        finally:
            self._put_back()

    def pass_on(self) -> None:
        """Let what was asked for happen now, as if nobody had listened. Returns only where the
        program has a handler of its own for it."""
        if self._signal is None:
            return
        signal.raise_signal(self._signal)
        # The first process of a container outlives it: the kernel spares it signals that nobody
        # handles. It ends with the code that a shell gives to those whom the signal killed.
        if signal.getsignal(self._signal) == signal.SIG_DFL:
            sys.exit(128 + self._signal)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._signal = number
        self._put_back()

    def _put_back(self) -> None:
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
