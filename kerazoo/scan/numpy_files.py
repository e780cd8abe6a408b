"""`.npy` and `.npz` files: arrays of numbers, or pickles in disguise. No array is read."""

from __future__ import annotations

import math
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from kerazoo.errors import DataError, HubError
from kerazoo.foreign.archive import check_members
from kerazoo.scan.archives import DAMAGE
from kerazoo.scan.place import Place
from kerazoo.scan.scan_report import Finding

_ARRAY_START = b"\x93NUMPY"
_ZIP_STARTS = (b"PK\x03\x04", b"PK\x05\x06")  # the latter: of an empty one


def scan_npy(place: Place) -> Iterator[Finding]:
    """Whether it holds numbers, as many as it says.

    Raises:
        DataError: it is damaged, or no such file.
    """
    with place.path.open("rb") as file:
        yield from _array(file, place.path.stat().st_size, place, "")


def scan_npz(place: Place) -> Iterator[Finding]:
    """As `scan_npy`, for each array of the archive.

    NumPy decides by how the file and its members start, not by their names.

    Raises:
        DataError: as `scan_npy`.
    """
    with place.path.open("rb") as file:
        is_archive = file.read(4) in _ZIP_STARTS
    if not is_archive:
        yield from scan_npy(place)
        return
    try:
        with zipfile.ZipFile(place.path) as archive:
            check_members(archive.infolist(), place.path)
            for info in archive.infolist():
                with archive.open(info) as file:
                    is_array = file.read(len(_ARRAY_START)) == _ARRAY_START
                    file.seek(0)
                    if is_array or info.filename.endswith(".npy"):
                        yield from _array(file, info.file_size, place, info.filename)
                    else:
                        what = "is no array; NumPy gives it out as bytes"
                        yield place.notice(what, info.filename)
    except DataError:
        raise
    except HubError as error:
        yield place.told(error)
    except DAMAGE as error:
        raise DataError(f"{place.name} is damaged or no .npz file: {error}.") from error


def count_numbers(path: Path) -> int:
    """How many numbers the arrays of an archive have that `scan_npz` found nothing dangerous in."""
    if not zipfile.is_zipfile(path):
        return 0
    count = 0
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            with archive.open(info) as file:
                start = file.read(8)
                if start.startswith(_ARRAY_START):
                    count += math.prod(_header(file, start)[0])
    return count


def _array(file: IO[bytes], size: int, place: Place, at: str) -> Iterator[Finding]:
    try:
        start = file.read(8)
        if start[:1] == b"\x80":
            yield place.danger("is a pickle, which is a program, and no NumPy array", at)
            return
        if start[:6] != _ARRAY_START:
            raise ValueError("it does not start as one")
        shape, dtype = _header(file, start)
        needed, there = math.prod(shape) * dtype.itemsize, size - file.tell()
    except Exception as error:  # NumPy's reader ends in any of a dozen for damaged ones
        reason = " ".join(str(error).split())[:200]
        raise DataError(f"{place.name} holds a damaged array {at!r}: {reason}.") from error
    if dtype.hasobject:
        yield place.danger("holds Python objects as a pickle, which is a program", at)
    elif needed != there:
        yield place.danger(f"declares {needed:,} bytes of numbers and holds {there:,}", at)


def _header(file: IO[bytes], start: bytes) -> tuple[tuple[int, ...], Any]:
    """Shape and dtype of an array whose first eight bytes were read."""
    import numpy as np

    header = np.lib.format
    read = header.read_array_header_1_0 if start[6] == 1 else header.read_array_header_2_0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of headers that Python 2 wrote
        shape, _, dtype = read(file)
    return shape, dtype
