"""Reading the bytes of a .tflite file without running it, and without TensorFlow."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from kerazoo.errors import DataError
from kerazoo.exporters.file_bounds import check_bounds
from kerazoo.exporters.seal import check_seal

IDENTIFIER = b"TFL3"


def read_bytes(path: str | os.PathLike[str]) -> bytes:
    """The whole file, once it is known to look like TFLite.

    Raises:
        DataError: missing, unreadable, no TFLite file, or changed since kerazoo wrote it.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise DataError(f"Cannot read {os.fspath(path)!r}: {error.strerror}.") from error
    check_bytes(content, os.fspath(path))
    return content


def check_bytes(content: bytes, name: str) -> None:
    """Raise `DataError` unless the bytes start as every TFLite file does and the seal holds."""
    if content[4:8] != IDENTIFIER:
        raise DataError(
            f"{name!r} is no TFLite file: it lacks the identifier 'TFL3' at byte 4 "
            f"({len(content)} bytes in all)."
        )
    check_seal(content, name)


def unpack(content: bytes) -> Any:
    """The file as a tree of plain objects: `.subgraphs`, `.operatorCodes`, `.metadata`, ...

    Raises:
        DataError: offsets that lead out of the file, or lists that lead there again and again.
    """
    from ai_edge_litert import schema_py_generated as schema

    try:
        model = schema.Model.GetRootAs(content, 0)
        check_bounds(model, len(content))
        return schema.ModelT.InitFromObj(model)
    except DataError:
        raise
    except Exception as error:  # damaged offsets end in any of a dozen exceptions
        raise damaged(error) from error


def damaged(error: Exception) -> DataError:
    """The one error that every kind of damage ends in."""
    lines = str(error).strip().splitlines()
    reason = lines[0].rstrip(".") if lines else type(error).__name__
    return DataError(f"The TFLite file is damaged or cannot run here: {reason}.")


def pack(model: Any) -> bytes:
    """The reverse of `unpack`."""
    import flatbuffers

    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), file_identifier=IDENTIFIER)
    return bytes(builder.Output())
