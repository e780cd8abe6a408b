"""Configs of installed packages, found by an entry point; no code of such a package is run.

[project.entry-points."kerazoo.configs"]
my_zoo = "my_zoo:configs"      # the folder configs in the package my_zoo
"""

from __future__ import annotations

import importlib.util
import sys
from functools import cache
from importlib import metadata
from pathlib import Path

from kerazoo.errors import ConfigError

ENTRY_POINT_GROUP = "kerazoo.configs"


def package_configs() -> dict[str, Path]:
    """Model's name -> file, of all installed packages.

    Raises:
        ConfigError: an entry point names no folder of .yaml files, or two packages one model.
    """
    return _find(tuple(sys.path))


@cache
def _find(search_path: tuple[str, ...]) -> dict[str, Path]:
    """Where `search_path` leads to; looking through all installed packages takes a moment."""
    found: dict[str, Path] = {}
    for point in metadata.entry_points(group=ENTRY_POINT_GROUP):
        for path in _files(point):
            if path.stem in found:
                raise ConfigError(
                    f"Two installed packages have a model {path.stem!r}: {found[path.stem]} and "
                    f"{path}. Uninstall one of them."
                )
            found[path.stem] = path
    return found


def _files(point: metadata.EntryPoint) -> list[Path]:
    """The .yaml files in the folder that an entry point, "package:folder", means."""
    package, _, folder = point.value.partition(":")
    # Of a package within a package Python would have to run the outer one to find it.
    spec = None if "." in package else importlib.util.find_spec(package)
    roots = [] if spec is None else spec.submodule_search_locations or []
    files = [path for root in roots for path in (Path(root) / folder).glob("*.yaml")]
    if not files:
        name = "unknown" if point.dist is None else point.dist.name
        raise ConfigError(
            f"The package {name} says that its configs are in {point.value!r}, which is no folder "
            f"with .yaml files: PACKAGE:FOLDER, without dots, is expected. Correct the entry "
            f"point, or uninstall the package."
        )
    return sorted(files)
