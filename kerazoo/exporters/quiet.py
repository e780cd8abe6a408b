"""Keep the chatter of converters and runtimes away from a user's terminal."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import tempfile
import threading
import warnings
from collections.abc import Iterator

_redirecting = threading.RLock()


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Drop what is written to stdout and stderr inside, by Python and by C++ libraries alike.

    C++ logs bypass `sys.stderr`, so the process's own descriptors are pointed elsewhere; that holds
    for all threads, and one thread at a time may do it. What goes wrong inside comes as an
    exception.
    """
    handlers = list(logging.root.handlers)
    with (
        _redirecting,
        tempfile.TemporaryFile() as sink,
        open(os.devnull, "w") as null,
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        _flush()
        saved = {descriptor: os.dup(descriptor) for descriptor in _open_descriptors()}
        try:
            for descriptor in saved:
                os.dup2(sink.fileno(), descriptor)
            # Not `sys.stderr`: a log handler made inside would keep the replacement for good.
            with contextlib.redirect_stdout(null):
                yield
        finally:
            for handler in set(logging.root.handlers) - set(handlers):
                logging.root.removeHandler(handler)  # TensorFlow's first warning installs one
            _flush()
            for descriptor, original in saved.items():
                os.dup2(original, descriptor)
                os.close(original)


def _open_descriptors() -> list[int]:
    """Stdout and stderr, where the process has them: a service may have closed both."""
    present = []
    for descriptor in (1, 2):
        with contextlib.suppress(OSError):
            os.fstat(descriptor)
            present.append(descriptor)
    return present


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, ValueError, OSError):
            stream.flush()
