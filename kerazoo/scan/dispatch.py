"""`verify`: from a path to the scan for its kind of file."""

from __future__ import annotations

import os
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import h5py

from kerazoo.errors import DataError, KerazooError
from kerazoo.scan import (
    archives,
    folders,
    hdf5_files,
    keras_files,
    numpy_files,
    pickles,
    safetensors_files,
    tflite_files,
    zoo_configs,
)
from kerazoo.scan.place import DEEPEST, MOST_FINDINGS, Place
from kerazoo.scan.scan_report import Finding, Report

Scan = Callable[[Place], Iterator[Finding]]

_KINDS: dict[str, tuple[str, Scan]] = {
    ".keras": ("Keras model", keras_files.scan),
    ".h5": ("HDF5 file", hdf5_files.scan),
    ".hdf5": ("HDF5 file", hdf5_files.scan),
    ".tflite": ("TFLite model", tflite_files.scan),
    ".safetensors": ("safetensors file", safetensors_files.scan),
    ".npz": ("NumPy file", numpy_files.scan_npz),
    ".npy": ("NumPy file", numpy_files.scan_npy),
    **dict.fromkeys([".pkl", ".pickle", ".pt", ".pth", ".joblib"], ("pickle", pickles.scan)),
    ".yaml": ("zoo config", zoo_configs.scan),
    ".yml": ("zoo config", zoo_configs.scan),
    ".json": ("Keras config", keras_files.scan_json),
    ".zip": ("archive", archives.scan_zip),
    **dict.fromkeys([".tar.gz", ".tgz", ".tar"], ("archive", archives.scan_tar)),
}
_STARTS = {
    b"\x89HDF\r\n\x1a\n": ".h5",
    b"PK\x03\x04": ".zip",
    b"\x1f\x8b": ".tar.gz",
    b"\x93NUMPY": ".npy",
    **{b"\x80" + bytes([protocol]): ".pkl" for protocol in range(2, 6)},
}
"""What files of unknown names may start with. A known name decides, as it does for loaders."""
_MAC_NOTE = b"\x00\x05\x16\x07\x00\x02\x00\x00"
"""How AppleDouble files start: what a Mac notes of "a.h5" lies beside it as "._a.h5"."""
_CODE = (".py", ".pyc", ".so", ".dll", ".dylib", ".exe", ".sh", ".bat")


def verify(path: str | os.PathLike[str]) -> Report:
    """Say what in a model file could do harm, without loading it.

    Args:
        path: a `.keras`, `.h5`, `.tflite`, `.safetensors`, `.npz`, `.npy`, `.zip`, `.tar.gz` or
            `.tar` file, a zoo config (`.yaml`), a Keras config (`.json`), a pickle (`.pkl`, `.pt`,
            `.pth`), or a folder: a SavedModel, or one with such files. Files of other names are
            told by how they start.

    Returns: a report, whose `is_safe` is False where something dangerous was found. True says that
        nothing of what is looked for was found, not that the model's answers are right.

    Raises:
        kerazoo.errors.KerazooError: the file is missing, damaged, or of a kind that is not known.

    ```python
    report = kerazoo.verify("flowers.keras")
    print(report)
    ```
    """
    path = Path(path)
    try:
        kind, scan = _kind_of(path)
        place = Place(path, path.name or str(path), _look)
        _grow(place)
        found = list(dict.fromkeys(islice(scan(place), MOST_FINDINGS)))
    except OSError as error:
        raise DataError(f"Cannot read {str(path)!r}: {error.strerror or error}.") from error
    if len(found) == MOST_FINDINGS:
        found.append(place.danger("more than that was found; the rest is not checked"))
    found.sort(key=lambda finding: finding.severity)  # "danger" before "notice"
    return Report(str(path), kind, tuple(found))


def _grow(place: Place) -> None:
    """Files that lie in no archive have a size that someone took upon himself."""
    if not place.depth and place.path.is_file():
        place.budget.grow(place.path.stat().st_size)


def _kind_of(path: Path) -> tuple[str, Scan]:
    if path.is_dir():
        return folders.kind_of(path), folders.scan_files
    if not path.exists():
        raise DataError(f"There is no file or folder {str(path)!r}.")
    if not path.is_file():
        raise DataError(f"{str(path)!r} is no regular file.")
    name = path.name.lower()
    for suffix, kind in _KINDS.items():
        if name.endswith(suffix):
            return kind
    with path.open("rb") as file:
        start = file.read(512)
    if start[4:8] == b"TFL3":
        return _KINDS[".tflite"]
    if start[257:262] == b"ustar":
        return _KINDS[".tar"]
    for magic, suffix in _STARTS.items():
        if start.startswith(magic):
            return _KINDS[suffix]
    raise DataError(
        f"{path} is of an unknown kind. Known: {', '.join(_KINDS)}, and SavedModel folders."
    )


def _is_mac_note(path: Path) -> bool:
    """Whether it is one, and nothing that programs find behind any start."""
    if not path.name.startswith("._") or not path.is_file():
        return False
    with path.open("rb") as file:
        is_note = file.read(len(_MAC_NOTE)) == _MAC_NOTE
    others = (zipfile.is_zipfile, h5py.is_hdf5, tarfile.is_tarfile)
    return is_note and not any(is_other(path) for is_other in others)


def _look(place: Place) -> Iterator[Finding]:
    """Scan a file that lies in another: what cannot be read there is a danger, since nobody knows
    what is in it; files of other kinds are left alone."""
    _grow(place)
    if _is_mac_note(place.path):
        return
    try:
        _, scan = _kind_of(place.path)
    except DataError:
        if place.name.lower().endswith(_CODE):
            yield place.notice("is program code. kerazoo and Keras do not run it; others may.")
        return
    if place.depth > DEEPEST:
        yield place.danger(f"lies in more than {DEEPEST} archives within archives: not checked.")
        return
    try:
        yield from scan(place)
    except KerazooError as error:
        yield place.unread(error)
