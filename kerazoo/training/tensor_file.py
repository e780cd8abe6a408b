"""A safetensors file as an image in memory: filled in milliseconds, then written at leisure.

`safetensors.numpy.save_file` copies all arrays twice and holds up every thread meanwhile, and what
it writes goes through the page cache, at the cost of another copy: together too much for something
that is done during a training. Here an array is copied once, and the disk fetches it from there.
"""

from __future__ import annotations

import contextlib
import json
import mmap
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from kerazoo.errors import RunError

_BLOCK = 4096  # bytes; what goes to the disk directly starts and ends at multiples of it
_PIECE = 8 * 2**20  # bytes in one write, a multiple of the block

# What NumPy, with ml_dtypes, and safetensors both have.
_DTYPES = {
    "float64": "F64",
    "float32": "F32",
    "float16": "F16",
    "bfloat16": "BF16",
    "int64": "I64",
    "int32": "I32",
    "int16": "I16",
    "int8": "I8",
    "uint64": "U64",
    "uint32": "U32",
    "uint16": "U16",
    "uint8": "U8",
    "bool": "BOOL",
}


class TensorFile:
    """The bytes of a safetensors file. Filled again, it uses its memory again."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, _BLOCK)
        self._size = 0

    def fill(self, arrays: Mapping[str, np.ndarray], metadata: Mapping[str, str]) -> None:
        """Copy the arrays, of any shape, and the metadata. Raises `RunError` for a dtype that
        safetensors does not have."""
        # Wide items first: every array then starts at a multiple of its item size.
        ordered = sorted(arrays.items(), key=lambda item: (-item[1].itemsize, item[0]))
        header = _header(ordered, metadata)
        self._size = len(header) + sum(array.nbytes for _, array in ordered)
        if self._size > len(self._memory):
            self._memory = mmap.mmap(-1, self._size)
        self._memory[: len(header)] = header
        position = len(header)
        for _, array in ordered:
            end = position + array.nbytes
            room = np.frombuffer(memoryview(self._memory)[position:end], array.dtype)
            np.copyto(room.reshape(array.shape), array)
            position = end

    def write(self, path: Path) -> None:
        """Write the file. Raises `OSError` if the disk is full, or nothing may be written there."""
        content = memoryview(self._memory)[: self._size]
        with _opened(path) as descriptor:
            position = 0
            while position < self._size:
                position += os.write(descriptor, content[position : position + _PIECE])


def read_tensor_file(path: Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """The arrays and the metadata of a safetensors file, bfloat16 included.

    Raises:
        OSError: it cannot be read.
        ValueError: it is cut off, or no such file.
    """
    import ml_dtypes  # noqa: F401  NumPy then knows "bfloat16"
    import safetensors

    content = path.read_bytes()
    dtypes = {theirs: np.dtype(ours) for ours, theirs in _DTYPES.items()}
    try:
        arrays = {
            name: np.frombuffer(entry["data"], dtypes[entry["dtype"]]).reshape(entry["shape"])
            for name, entry in safetensors.deserialize(content)
        }
    except (safetensors.SafetensorError, KeyError) as error:
        raise ValueError(str(error)) from error
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    return arrays, header.get("__metadata__", {})


def _header(ordered: list[tuple[str, np.ndarray]], metadata: Mapping[str, str]) -> bytes:
    """With its length before it; padded, so that the whole file is a multiple of the block."""
    entries: dict[str, Any] = {"__metadata__": dict(metadata)}
    end = 0
    for name, array in ordered:
        if array.dtype.name not in _DTYPES:
            raise RunError(f"{name!r} cannot be saved: its dtype is {array.dtype}.")
        start, end = end, end + array.nbytes
        entries[name] = {
            "dtype": _DTYPES[array.dtype.name],
            "shape": array.shape,
            "data_offsets": (start, end),
        }
    text = json.dumps(entries).encode()
    text += b" " * (-(8 + len(text) + end) % _BLOCK)
    return len(text).to_bytes(8, "little") + text


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[int]:
    """For writing past the page cache, where system and file system can (Linux, most disks)."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0)
    try:
        descriptor = os.open(path, flags | getattr(os, "O_DIRECT", 0), 0o666)
    except OSError:  # the file system cannot; or it is a real error, which comes again
        descriptor = os.open(path, flags, 0o666)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
