"""Which file a path asks for, and whether it may be written there."""

from __future__ import annotations

import os
from pathlib import Path

from kerazoo.errors import ExportError

SUFFIXES = {".tflite": "tflite", ".onnx": "onnx", ".keras": "keras"}


def format_of(path: str | os.PathLike[str]) -> str:
    """The format that the suffix of `path` names; no suffix means a SavedModel folder.

    Raises:
        ExportError: any other suffix.

    >>> format_of("digits.tflite"), format_of("exported/digits")
    ('tflite', 'saved_model')
    """
    text = os.fspath(path)
    if text.endswith(("/", os.sep)):  # "model.v2/" is a folder, whatever its name
        return "saved_model"
    suffix = Path(text).suffix.lower()
    if suffix in SUFFIXES:
        return SUFFIXES[suffix]
    if not suffix:
        return "saved_model"
    raise ExportError(
        f"`path` must end in {', '.join(SUFFIXES)}, or in no suffix for a SavedModel folder. "
        f"Received: {text!r}."
    )


def check_target(path: Path, file_format: str) -> None:
    """Raise `ExportError` where writing would destroy something that is no earlier export."""
    if file_format == "saved_model":
        if path.is_file():
            raise ExportError(f"{str(path)!r} is a file; a SavedModel needs a folder of its own.")
        if path.is_dir() and any(path.iterdir()) and not (path / "saved_model.pb").is_file():
            raise ExportError(
                f"The folder {str(path)!r} is not empty and holds no SavedModel; it was left as "
                f"it is. Choose a new folder, or end the path in {', '.join(SUFFIXES)}."
            )
    elif path.is_dir():
        raise ExportError(f"{str(path)!r} is a folder; choose the name of a file.")
