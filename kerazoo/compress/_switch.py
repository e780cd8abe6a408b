"""What layers do only while a certain block of code runs, such as an export."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar


class Switch:
    """Off, and on within `with switch.on():`, in this thread or task alone."""

    def __init__(self, name: str):
        self._state = ContextVar(name, default=False)

    @contextmanager
    def on(self) -> Iterator[None]:
        """On in the block, then what it was."""
        token = self._state.set(True)
        try:
            yield
        finally:
            self._state.reset(token)

    def is_on(self) -> bool:
        """Whether the caller is inside such a block."""
        return self._state.get()
