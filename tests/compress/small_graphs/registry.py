"""The list of small models that the files beside this one add to."""

from __future__ import annotations

from collections.abc import Callable

import keras

GRAPHS: dict[str, Callable[[], keras.Model]] = {}


def graph(function: Callable[[], keras.Model]) -> Callable[[], keras.Model]:
    """Add the decorated builder to `GRAPHS` under its name."""
    GRAPHS[function.__name__] = function
    return function


def image(channels: int = 4, size: int = 8) -> keras.KerasTensor:
    """The input of most of them."""
    return keras.Input((size, size, channels))
