"""Whether the texts of an HDF5 file can be read: in a damaged heap, HDF5's library runs for ever.

Texts of any length lie in "global heaps" (HDF5 File Format Specification 3.0, III.E): a header and
objects in a row. The library goes from one to the next by their sizes, which may lead nowhere.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import h5py

_START = b"GCOL\x01"  # signature and version
_HEADER = struct.Struct("<8xQ")  # ..., size of the heap
_OBJECT = struct.Struct("<H6xQ")  # number, ..., size of the object


def check_heaps(file: h5py.File) -> None:
    """Go through all heaps of a file before anything is read from one.

    Raises:
        OSError: one of them is damaged.
    """
    if file.id.get_create_plist().get_sizes() != (8, 8):
        raise OSError("addresses or sizes of other than 8 bytes are not read")
    with _bytes_of(file) as content:
        room = len(content) // _OBJECT.size  # for the objects of all heaps, which do not overlap
        place = content.find(_START)
        while place >= 0:
            for is_sound in _objects(content, place):
                if not is_sound:
                    raise OSError(f"the heap of texts at byte {place:,} leads nowhere")
                room -= 1
                if room < 0:
                    raise OSError("the heaps of texts overlap")
            place = content.find(_START, place + 1)


def _objects(content: Any, place: int) -> Iterator[bool]:
    """Of each object of the heap at `place`, whether what follows it can be found."""
    if place + _HEADER.size > len(content):
        return  # no heap, nor would HDF5 take it for one
    end = place + _HEADER.unpack_from(content, place)[0]
    if end > len(content):
        return  # the same
    place += _HEADER.size
    while place + _OBJECT.size <= end:
        number, size = _OBJECT.unpack_from(content, place)
        # Object 0 is the space that is free, its own header included.
        place += size if number == 0 else _OBJECT.size + (size + 7) // 8 * 8
        yield not (number == 0 and size == 0) and place <= end


@contextmanager
def _bytes_of(file: h5py.File) -> Iterator[Any]:
    if file.driver != "sec2":  # a file object
        yield file.id.get_file_image()
        return
    with (
        open(file.filename, "rb") as raw,
        mmap.mmap(raw.fileno(), 0, access=mmap.ACCESS_READ) as content,
    ):
        yield content
