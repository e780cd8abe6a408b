"""Whether a model is being written as a file for TFLite, which layers may have to know."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_is_exporting = ContextVar("kerazoo_is_exporting", default=False)


@contextmanager
def exporting() -> Iterator[None]:
    """What is traced in here goes to TFLite's converter."""
    token = _is_exporting.set(True)
    try:
        yield
    finally:
        _is_exporting.reset(token)


def is_exporting() -> bool:
    """Whether an `exporting` block is open."""
    return _is_exporting.get()
