"""The files that make up a SavedModel, and the one SHA-256 that stands for all of them."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

from kerazoo.errors import HubError

PROGRAM = "saved_model.pb"
TF1_MARK = "tfhub_module.pb"
"""A file beside the program that says: TF1 Hub format."""

TOP = (PROGRAM, TF1_MARK, "fingerprint.pb", "keras_metadata.pb")
FOLDERS = ("variables", "assets", "assets.extra")
UNREAD = ("saved_model.pbtxt", "saved_model.cpb")
"""Forms of the program that TensorFlow would read instead, and that are not scanned."""
MOST_FILES = 10_000


def root_of(folder: Path, named: str) -> Path:
    """The folder itself if it is a SavedModel, else the only one within two levels below it.

    Args:
        named: what error messages call it.

    Raises:
        HubError: there is none, or more than one, or not in binary form.
    """
    patterns = (PROGRAM, f"*/{PROGRAM}", f"*/*/{PROGRAM}")
    for pattern in patterns:
        found = sorted(path.parent for path in folder.glob(pattern))
        if len(found) == 1:
            check_form(found[0], named)
            return found[0]
        if found:
            names = ", ".join(path.relative_to(folder).as_posix() for path in found[:5])
            raise HubError(f"{named} holds {len(found)} SavedModels. Name one of them: {names}.")
    raise HubError(
        f"{named} holds no {PROGRAM}, so it is no SavedModel. A .keras file is loaded by "
        "keras.saving.load_model, and a .tflite file by kerazoo.load_tflite."
    )


def check_form(root: Path, named: str) -> None:
    """Raise `HubError` if TensorFlow would read another program than the one that is scanned."""
    for name in UNREAD:
        if (root / name).exists():
            raise HubError(f"{named} holds {name} beside {PROGRAM}; only the latter may be there.")


def files_of(root: Path) -> list[Path]:
    """All files of the SavedModel in `root`, sorted by their names relative to it.

    Raises:
        HubError: one of them lies elsewhere (a symbolic link), or is no regular file.
    """
    found = [root / name for name in TOP if (root / name).exists()]
    for name in FOLDERS:
        inner = (root / name).rglob("*")  # does not go into folders that are links
        found += [path for path in inner if path.is_symlink() or not path.is_dir()]
    if len(found) > MOST_FILES:
        raise HubError(f"{root} holds {len(found):,} files; a SavedModel may have {MOST_FILES:,}.")
    inside = root.resolve()
    for path in found:
        if not path.resolve().is_relative_to(inside):
            raise HubError(f"{path} is a link to a file outside of the SavedModel: refused.")
        if not path.is_file():
            raise HubError(f"{path} is no regular file: refused.")
    return sorted(found, key=lambda path: path.relative_to(root).as_posix())


def content_sha256(root: Path) -> str:
    """SHA-256 of what `sha256sum` prints for all files of the SavedModel, in order of their names.

    Raises:
        HubError: as `files_of`.
    """
    lines = [
        f"{file_sha256(path)}  {path.relative_to(root).as_posix()}\n" for path in files_of(root)
    ]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def file_sha256(path: Path) -> str:
    """SHA-256 of one file, in hex digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def copy(root: Path, target: Path) -> None:
    """Copy the files of the SavedModel in `root`, and nothing else that is there."""
    for path in files_of(root):
        place = target / path.relative_to(root)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, place)
