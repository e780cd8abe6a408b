"""Which file a path asks for, and whether it may be written there."""

from __future__ import annotations

import os
from pathlib import Path

from kerazoo.errors import ExportError
from kerazoo.foreign.saved_model_files import FOLDERS, PROGRAM, TOP

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
        if path.is_dir():
            _check_folder(path)
    elif path.is_dir():
        raise ExportError(f"{str(path)!r} is a folder; choose the name of a file.")


def _check_folder(path: Path) -> None:
    names = sorted(found.name for found in path.iterdir())
    if names and not (path / PROGRAM).is_file():
        raise ExportError(
            f"The folder {str(path)!r} is not empty and holds no SavedModel; it was left as "
            f"it is. Choose a new folder, or end the path in {', '.join(SUFFIXES)}."
        )
    for name in names:
        if name not in (*TOP, *FOLDERS):
            raise ExportError(
                f"The folder {str(path)!r} holds {name!r} beside a SavedModel, which would be "
                "lost; it was left as it is. Move that elsewhere, or choose a new folder."
            )
