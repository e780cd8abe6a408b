"""Reads HDF5 files of strangers: arrays and texts, and nothing outside of the file.

HDF5 can point anywhere: external links and external or virtual datasets read other files of the
machine, soft links go around in circles, and a few bytes can declare an array of terabytes. All
of it is looked at before anything is opened, and refused in one line. (CVE-2026-1669 and
CVE-2026-12570 of Keras are of this kind.)
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import h5py
import numpy as np

from kerazoo.convert._saved_json import parse_json
from kerazoo.errors import ConversionError

DEEPEST = 100  # groups within groups
MOST_OBJECTS = 1_000_000
LARGEST_UNCHECKED = 1 << 28  # bytes; above it, an array must be in the file in earnest
MOST_EXPANSION = 100  # times the bytes that are stored


@contextmanager
def open_hdf5(file: Any, name: str) -> Iterator[h5py.File]:
    """An open file in which every link and dataset is the file's own.

    Args:
        file: a path, or a file object.
        name: what to call it in errors.

    Raises:
        ConversionError: it is no HDF5 file, or it points outside, in circles, or declares more
            than it holds.
    """
    try:
        opened = h5py.File(file, "r")
    except OSError as error:
        raise ConversionError(f"{name} is not an HDF5 file, or it is damaged.") from error
    with opened:
        try:
            _check(opened, name)
            yield opened
        except (KeyError, OSError, RuntimeError, RecursionError) as error:
            raise ConversionError(f"{name} is damaged: {error}") from error


def _check(file: h5py.File, name: str) -> None:
    seen = {h5py.h5o.get_info(file.id).addr}
    waiting: list[tuple[h5py.Group, int]] = [(file, 0)]
    while waiting:
        group, depth = waiting.pop()
        for key in group:
            where = f"{name}: {group.name.rstrip('/')}/{key}"
            link = type(group.get(key, getlink=True))
            if link is not h5py.HardLink:
                raise ConversionError(
                    f"{where} is an HDF5 {link.__name__}, which can lead out of the file or in "
                    "circles: refused."
                )
            child = group[key]
            address = h5py.h5o.get_info(child.id).addr
            if isinstance(child, h5py.Dataset):
                _check_dataset(child, where)
            elif not isinstance(child, h5py.Group):
                raise ConversionError(f"{where} is neither a group nor an array: refused.")
            elif address in seen or depth >= DEEPEST:
                raise ConversionError(f"{where} is a group that leads in circles: refused.")
            else:
                waiting.append((child, depth + 1))
            seen.add(address)
        if len(seen) > MOST_OBJECTS:
            raise ConversionError(f"{name} holds more than {MOST_OBJECTS:,} objects: refused.")


def _check_dataset(dataset: h5py.Dataset, where: str) -> None:
    if dataset.external:
        raise ConversionError(
            f"{where} keeps its values in another file ({dataset.external[0][0]}): refused."
        )
    if dataset.is_virtual:
        raise ConversionError(f"{where} is a virtual dataset, made of other files: refused.")
    if dataset.dtype.kind not in "biufSO":
        raise ConversionError(f"{where} holds {dataset.dtype}, which is no number: refused.")
    declared = math.prod(dataset.shape or ()) * dataset.dtype.itemsize
    stored = dataset.id.get_storage_size()
    if declared > LARGEST_UNCHECKED and declared > MOST_EXPANSION * stored:
        raise ConversionError(
            f"{where} declares {declared:,} bytes and stores {stored:,}: refused."
        )


def read_array(group: h5py.Group, name: str) -> np.ndarray:
    """The numbers of a dataset in the group.

    Raises:
        ConversionError: it is not there, or holds no numbers.
    """
    found = group.get(name)
    if not isinstance(found, h5py.Dataset) or found.dtype.kind not in "biuf":
        raise ConversionError(f"{group.file.filename}: {group.name}/{name} is not an array.")
    return np.asarray(found)


def read_text(group: h5py.Group, attribute: str) -> str | None:
    """The attribute's text; None if it is not there."""
    return _text(group.attrs.get(attribute))


def read_json(group: h5py.Group, attribute: str) -> Any:
    """The attribute's JSON; None if it is not there."""
    text = read_text(group, attribute)
    return None if text is None else parse_json(text, f"attribute {attribute!r}")


def read_names(group: h5py.Group, attribute: str) -> list[str]:
    """A list of names; a long one is split over `attribute0`, `attribute1` and so on."""
    if attribute in group.attrs:
        return [_text(one) or "" for one in np.ravel(group.attrs[attribute])]
    names: list[str] = []
    number = 0
    while f"{attribute}{number}" in group.attrs:
        names += [_text(one) or "" for one in np.ravel(group.attrs[f"{attribute}{number}"])]
        number += 1
    return names


def _text(value: Any) -> str | None:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value if isinstance(value, str) else None
