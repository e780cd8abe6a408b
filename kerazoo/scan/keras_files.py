"""`.keras` files: an archive of a config, weights and assets; and configs alone."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from pathlib import Path

from kerazoo.errors import DataError
from kerazoo.scan import folders, hdf5_files, keras_config, numpy_files
from kerazoo.scan.archives import scan_unpacked, unpack_whole_zip
from kerazoo.scan.place import Place
from kerazoo.scan.scan_report import Finding

_PARTS = ("config.json", "metadata.json", "model.weights.", "model_", "assets/")
"""How the names of members start that Keras writes."""
_LARGE = 1 << 20
_NAMES_AN_OBJECT = (b"class_name", rb"\u00", b"\0")
"""The key of every object; how it may be spelled else; and what UTF-16 has in it."""


def scan(place: Place) -> Iterator[Finding]:
    """The archive itself, every file in it, and the config's sizes against the weights there are.

    Raises:
        DataError: it is no archive, damaged, or lacks the config.
    """
    yield from scan_unpacked(place, unpack_whole_zip, _scan_folder)


def scan_json(place: Place) -> Iterator[Finding]:
    """The objects that a Keras config in JSON names.

    Raises:
        DataError: it is no JSON.
    """
    size = place.path.stat().st_size
    if size > _LARGE and not _may_name_an_object(place.path):
        return
    text = place.path.read_bytes() if size <= keras_config.LARGEST else b""
    yield from keras_config.scan(keras_config.parse(text, place, ""), place, "")


def _may_name_an_object(path: Path) -> bool:
    """Whether Keras could make anything of the JSON: vocabularies and labels of images are large
    too, and are not for Keras."""
    with (
        path.open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content,
    ):
        return any(content.find(part) >= 0 for part in _NAMES_AN_OBJECT)


def _scan_folder(place: Place) -> Iterator[Finding]:
    config_file = place.path / "config.json"
    if not config_file.is_file():
        raise DataError(f"{place.name} holds no config.json, so it is no Keras model.")
    found = list(folders.scan_files(place))
    yield from found
    for path in sorted(path for path in place.path.rglob("*") if path.is_file()):
        name = path.relative_to(place.path).as_posix()
        if not name.startswith(_PARTS):
            yield place.notice("is no part of a Keras model; Keras does not read it", name)
    if any(finding.severity == "danger" for finding in found):
        return  # weights that cannot be trusted say nothing of sizes
    config = keras_config.parse(config_file.read_bytes(), place, "config.json")
    weights = [*place.path.glob("model.weights.h5"), *place.path.glob("model_*.weights.h5")]
    stored = sum(map(hdf5_files.count_numbers, weights))
    stored += sum(map(numpy_files.count_numbers, place.path.glob("model.weights.npz")))
    yield from keras_config.scan_sizes(config, stored, place, "config.json")
