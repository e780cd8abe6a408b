"""Makes Keras know kerazoo's serialisable classes as soon as Keras itself is imported.

A `.keras` file names a layer as "kerazoo>DropPath", and Keras finds the class only if its module
has been imported. Doing that in `import kerazoo` would cost Keras at start-up; so it is done when
Keras comes: at once if it is there already, else right after its import.
"""

from __future__ import annotations

import importlib.abc
import sys
from importlib import import_module
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

PACKAGES = ("layers", "losses", "metrics", "distill", "compress", "training.steps")
"""Whose public names are such classes, most of them."""
MODULES = (
    "convert.keras2_hard_sigmoid",
    "hub.backbone_model",
    "hub.hub_layer",
    "tasks.translation",
    "training.depth_rates",
)
"""Of packages whose other modules nothing has to wait for."""


def register_with_keras() -> None:
    """Register now if Keras is imported, else as soon as it is."""
    if "keras" in sys.modules:
        _register()
    else:
        sys.meta_path.insert(0, _AfterKeras())


def _register() -> None:
    """Import every public class; the decorator on each does the rest."""
    for package in PACKAGES:
        module = import_module(f"kerazoo.{package}")
        for name in module.__all__:
            getattr(module, name)
    for name in MODULES:
        import_module(f"kerazoo.{name}")


class _AfterKeras(importlib.abc.MetaPathFinder):
    """Finds "keras" as the other finders do, and registers once it has been executed."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if name != "keras":
            return None
        others = [finder for finder in sys.meta_path if finder is not self]
        specs = (finder.find_spec(name, path, target) for finder in others)
        spec = next((spec for spec in specs if spec is not None), None)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def execute_and_register(module: ModuleType) -> None:
                execute(module)
                if module.__name__ == "keras" and self in sys.meta_path:
                    sys.meta_path.remove(self)  # not earlier: some only ask for Keras's spec
                    _register()

            spec.loader.exec_module = execute_and_register  # type: ignore[method-assign]
        return spec
