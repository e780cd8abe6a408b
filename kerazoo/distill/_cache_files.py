"""A teacher's outputs on disk: one .npy file per output, and what they belong to in a JSON file.

```
cache.json      format, teachers' fingerprints, names, the number of batches
rows.npy        int64: rows of each batch
hashes.npy      int64: hash of each batch's inputs
output_0.npy    (all rows, ...): the first name's values, in the order of the data
```
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import msgspec
import numpy as np

from kerazoo import atomic
from kerazoo.errors import DataError

_FORMAT = 1


class Content(msgspec.Struct, forbid_unknown_fields=True):
    """What cache.json holds: SHA-256 per teacher, and the names of the outputs in file order."""

    format: int
    teachers: list[str]
    names: list[str]


class CacheFiles:
    """An opened cache; the arrays stay on disk and are read as they are asked for."""

    def __init__(self, folder: Path, content: Content):
        self.content = content
        self.rows = np.load(folder / "rows.npy")
        self.hashes = np.load(folder / "hashes.npy")
        self.outputs = [
            np.load(folder / f"output_{number}.npy", mmap_mode="r")
            for number in range(len(content.names))
        ]
        self._starts = np.concatenate([[0], np.cumsum(self.rows)])
        if any(len(output) != self._starts[-1] for output in self.outputs):
            raise ValueError("rows are missing")
        for number, output in enumerate(self.outputs):
            if (folder / f"output_{number}.npy").stat().st_size != output.offset + output.nbytes:
                raise ValueError(f"output_{number}.npy is longer than its header says")

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Raises `DataError` if the folder is no cache, or a damaged one."""
        try:
            content = msgspec.json.decode((folder / "cache.json").read_bytes(), type=Content)
            if content.format != _FORMAT:
                raise ValueError(f"format {content.format}")
            return cls(folder, content)
        except (OSError, EOFError, ValueError, msgspec.MsgspecError) as error:
            raise DataError(
                f"{str(folder)!r} holds no whole cache of a teacher ({error}). Choose another "
                f"path, or delete it."
            ) from error

    def batch(self, number: int) -> list[np.ndarray]:
        """All outputs of one batch, by its number from 0."""
        start, stop = self._starts[number], self._starts[number + 1]
        return [np.array(output[start:stop]) for output in self.outputs]


def write(
    folder: Path, teachers: list[str], batches: Iterator[tuple[int, dict[str, np.ndarray]]]
) -> None:
    """Write a cache, whole or not at all.

    Args:
        batches: of each batch the hash of its inputs, and its outputs by name.
    """
    with atomic.replacing(folder) as temporary:
        temporary.mkdir()
        hashes: list[int] = []
        rows: list[int] = []
        writers: dict[str, _RowWriter] = {}
        for digest, outputs in batches:
            hashes.append(digest)
            rows.append(len(next(iter(outputs.values()))))
            for number, (name, values) in enumerate(outputs.items()):
                if name not in writers:
                    path = temporary / f"output_{number}.npy"
                    writers[name] = _RowWriter(path, name, values)
                writers[name].append(values)
        if not rows:
            raise DataError("The data set is empty: there is nothing to ask the teacher.")
        for writer in writers.values():
            writer.close()
        np.save(temporary / "rows.npy", np.array(rows, np.int64))
        np.save(temporary / "hashes.npy", np.array(hashes, np.int64))
        content = {"format": _FORMAT, "teachers": teachers, "names": list(writers)}
        (temporary / "cache.json").write_text(json.dumps(content, indent=2))


class _RowWriter:
    """A .npy file that grows row by row; its header is written anew at the end."""

    def __init__(self, path: Path, name: str, first: np.ndarray):
        self._file, self._name = path.open("wb"), name
        self._dtype, self._shape, self._rows = first.dtype, first.shape[1:], 0
        self._write_header()

    def _write_header(self) -> None:
        # NumPy leaves room for 21 digits of the first size, so that the header keeps its length.
        header: dict[str, Any] = {
            "descr": np.lib.format.dtype_to_descr(self._dtype),
            "fortran_order": False,
            "shape": (self._rows, *self._shape),
        }
        np.lib.format.write_array_header_1_0(self._file, header)

    def append(self, values: np.ndarray) -> None:
        if (values.shape[1:], values.dtype) != (self._shape, self._dtype):
            raise DataError(
                f"A cached output must have one shape and dtype in all batches. Received: "
                f"{self._name!r} of {self._dtype}{self._shape} at first, then of "
                f"{values.dtype}{values.shape[1:]}. Pad the inputs to one length."
            )
        self._file.write(np.ascontiguousarray(values).tobytes())
        self._rows += len(values)

    def close(self) -> None:
        self._file.seek(0)
        self._write_header()
        self._file.close()
