"""Architectures: plain functions that return a `keras.Model`, one file per family.

Every public function defined in a file of this folder (but those that start with "_") is a builder,
known by its name. Conventions that all builders keep:

- inputs are raw (pixels 0..255): scaling is a layer of the model;
- the last layer of a classifier is called "logits", is float32 whatever the precision, and
  `classifier_activation` adds an activation after it;
- layers have names that never change, since weights files name variables by them;
- an argument out of its range is a `ConfigError` in one line, before anything is built.
"""

from __future__ import annotations

import inspect
import pkgutil
from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Any


@cache
def builders() -> dict[str, Callable[..., Any]]:
    """All builders of this folder, by name. Imports Keras."""
    found: dict[str, Callable[..., Any]] = {}
    for info in pkgutil.iter_modules(__path__):
        if info.name.startswith("_"):  # parts that several builders share
            continue
        module = import_module(f"{__name__}.{info.name}")
        for name, value in inspect.getmembers(module, inspect.isfunction):
            if value.__module__ == module.__name__ and not name.startswith("_"):
                if name in found:
                    raise RuntimeError(f"Two builders in {__name__} are named {name!r}.")
                found[name] = value
    return found
