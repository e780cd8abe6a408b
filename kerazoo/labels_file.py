"""The names of a model's classes, kept beside its file: `model.keras` and `model.labels.json`.

A list of texts in JSON, one for each output, in their order.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kerazoo import atomic
from kerazoo.errors import DataError


def labels_path(model_file: str | os.PathLike[str]) -> Path:
    """Where the names for a `.keras` file are.

    >>> labels_path("runs/photos/model.keras").name
    'model.labels.json'
    """
    return Path(model_file).with_suffix(".labels.json")


def write_labels(model_file: str | os.PathLike[str], labels: Sequence[str]) -> None:
    """Write the names beside the file. Raises `RunError` if that cannot be done."""
    atomic.write_text(labels_path(model_file), json.dumps(list(labels), indent=2))


def labels_beside(model: Any) -> list[str] | None:
    """The names beside what `predict`, `evaluate` or `export` was given, if it is a .keras file.

    Raises:
        DataError: as `read_labels`.
    """
    is_file = isinstance(model, str | os.PathLike) and os.fspath(model).endswith(".keras")
    return read_labels(model) if is_file else None


def read_labels(model_file: str | os.PathLike[str]) -> list[str] | None:
    """The names beside the file; None where there are none.

    Raises:
        DataError: what is there is no list of distinct texts.
    """
    path = labels_path(model_file)
    if not path.is_file():
        return None
    try:
        labels = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"Cannot read the labels in {str(path)!r}: {error}.") from error
    is_list = isinstance(labels, list) and all(isinstance(label, str) for label in labels)
    if not is_list or len(set(labels)) < len(labels):
        raise DataError(
            f"{str(path)!r} must hold a list of texts in JSON, each class's own. Correct or remove "
            f"it."
        )
    return labels
