"""Loading TensorFlow as a user wants to see it: one short line, not a page of C++ log messages."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator


def load_tensorflow() -> None:
    """Import TensorFlow and Keras; what they print meanwhile is shown only if that fails."""
    if "tensorflow" in sys.modules:
        return
    terminal = sys.stderr.isatty()
    if terminal:
        print("Loading TensorFlow ...", end="\r", file=sys.stderr, flush=True)
    with _stderr_held_back():
        import keras  # noqa: F401
        import tensorflow as tf

        # Finding the devices prints too. They are not created yet: strategies have a say in that.
        tf.config.list_physical_devices()
    if terminal:
        print(" " * 22, end="\r", file=sys.stderr, flush=True)


@contextlib.contextmanager
def _stderr_held_back() -> Iterator[None]:
    """Redirects file descriptor 2, since the messages come from C++."""
    sys.stderr.flush()
    real = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except Exception:
            held.seek(0)
            os.write(real, held.read())
            raise
        finally:
            os.dup2(real, 2)
            os.close(real)
