"""Reads HDF5 files of strangers: arrays and texts, and nothing outside of the file.

All of it is looked at before anything is opened, and refused in one line.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import h5py
import numpy as np

from kerazoo.convert._saved_json import parse_json
from kerazoo.errors import ConversionError
from kerazoo.foreign.hdf5 import refusals


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
            for refusal in refusals(opened, name):
                raise ConversionError(refusal)
            yield opened
        except (KeyError, OSError, RuntimeError, RecursionError) as error:
            raise ConversionError(f"{name} is damaged: {error}") from error


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
