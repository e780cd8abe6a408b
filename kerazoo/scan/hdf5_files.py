"""HDF5 files: links and datasets that lead out of the file, bombs, and the config of a model."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import islice
from typing import Any

import h5py

from kerazoo.errors import DataError
from kerazoo.foreign.hdf5 import refusals
from kerazoo.scan import keras_config
from kerazoo.scan.place import MOST_FINDINGS, Place
from kerazoo.scan.scan_report import Finding

_CONFIGS = ("model_config", "training_config")


def scan(place: Place) -> Iterator[Finding]:
    """Everything about a file of weights or a whole model of Keras.

    Raises:
        DataError: it is no HDF5 file, or damaged.
    """
    try:
        with h5py.File(place.path, "r") as file:
            reasons = list(islice(refusals(file, place.name), MOST_FINDINGS))
            yield from map(place.told, reasons)
            configs = {name: text for name in _CONFIGS if (text := _text(file, name)) is not None}
            stored = _count(file) if configs and not reasons else None
    except Exception as error:  # HDF5's library ends in any of a dozen for damaged files
        reason = " ".join(str(error).split())[:200]
        raise DataError(f"{place.name} is no HDF5 file, or damaged: {reason}.") from error
    for name, text in configs.items():
        config = keras_config.parse(text, place, f"attribute {name}")
        yield from keras_config.scan(config, place, name)
        if stored is not None and name == "model_config":
            yield from keras_config.scan_sizes(config, stored, place, name)


def count_numbers(path: Any) -> int:
    """How many numbers the arrays of a file have that `scan` found nothing dangerous in."""
    with h5py.File(path, "r") as file:
        return _count(file)


def _count(file: h5py.File) -> int:
    counts: list[int] = []

    def add(name: str, found: Any) -> None:
        if isinstance(found, h5py.Dataset):
            counts.append(math.prod(found.shape or ()))

    file.visititems(add)
    return sum(counts)


def _text(file: h5py.File, attribute: str) -> str | bytes | None:
    found = file.attrs.get(attribute)
    return found if isinstance(found, str | bytes) else None
