"""Initializers that several layers inside of one are given."""

from __future__ import annotations

from typing import Any

import keras


def fresh(initializer: Any) -> Any:
    """A copy, since one initializer object gives equal numbers wherever it is used.

    Keras's layers copy theirs likewise. A function has no state: it is its own copy.
    """
    return initializer.clone() if isinstance(initializer, keras.Initializer) else initializer
