"""Whether ranges are being observed outside of training."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_is_calibrating: ContextVar[bool] = ContextVar("kerazoo_is_calibrating", default=False)


@contextmanager
def calibrating() -> Iterator[None]:
    """Within it, models called in inference mode observe the ranges of their activations.

    Functions compiled outside keep what they were compiled with: call the model itself.
    """
    token = _is_calibrating.set(True)
    try:
        yield
    finally:
        _is_calibrating.reset(token)


def is_calibrating() -> bool:
    """Whether the caller is inside `with calibrating()`."""
    return _is_calibrating.get()
