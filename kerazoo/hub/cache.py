"""Where SavedModels from elsewhere are kept: whole, checked on each use, or not there at all."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from kerazoo import atomic
from kerazoo.datasets.source import cache_folder
from kerazoo.errors import RunError
from kerazoo.file_lock import locked
from kerazoo.foreign.saved_model_files import content_sha256, root_of
from kerazoo.notices import notice

_RECORD = "kerazoo.json"


@dataclass(frozen=True)
class Located:
    """A SavedModel on this machine.

    `folder` holds its files. `sha256` stands for all of them (`content_sha256`), and
    `archive_sha256` is that of the archive they came in, None where there was none.
    """

    folder: Path
    sha256: str
    archive_sha256: str | None = None


def entry(key: str, source: str, fill: Callable[[Path], str | None]) -> Located:
    """The SavedModel kept under `key`; `fill` puts it there if it is not, or no longer whole.

    One process fills an entry while others wait for it. It gets its name only when all of its bytes
    are on the disk, and its hash is compared each time it is asked for.

    Args:
        key: names the entry's folder.
        source: what it is, in words, for the record beside it and for notices.
        fill: is given a folder to put the files into; returns the archive's SHA-256, or None.

    Raises:
        RunError: the cache cannot be written.
    """
    folder = cache_folder() / "hub" / key
    found = _whole(folder)
    if found is not None:
        return found
    atomic.make_folder(folder.parent)
    try:
        with locked(folder.parent / f".{key}.lock"):
            return _whole(folder) or _fill(folder, source, fill)
    except OSError as error:
        if isinstance(error, RunError):
            raise
        raise RunError(f"Cannot write to the cache {str(folder.parent)!r}: {error}.") from error


def find(key: str) -> Located | None:
    """The SavedModel kept under `key`; None where it is not there, or not whole."""
    return _whole(cache_folder() / "hub" / key)


def _fill(folder: Path, source: str, fill: Callable[[Path], str | None]) -> Located:
    if folder.exists():
        notice(f"The copy of {source} in {folder} was damaged, so it is made anew.")
    atomic.remove_unfinished(folder.parent, folder.name)
    with atomic.replacing(folder) as temporary:
        temporary.mkdir()
        model = temporary / "model"
        model.mkdir()
        archive_sha256 = fill(model)
        root = root_of(model, source)
        located = Located(root, content_sha256(root), archive_sha256)
        record = {
            **asdict(located),
            "folder": root.relative_to(temporary).as_posix(),
            "source": source,
        }
        (temporary / _RECORD).write_text(json.dumps(record, indent=1), encoding="utf-8")
    return Located(folder / str(record["folder"]), located.sha256, archive_sha256)


def _whole(folder: Path) -> Located | None:
    """What the entry's record says, if its files are still the ones of that record."""
    try:
        record = json.loads((folder / _RECORD).read_text(encoding="utf-8"))
        root = folder / record["folder"]
        found = Located(root, record["sha256"], record["archive_sha256"])
        return found if root.is_dir() and content_sha256(root) == found.sha256 else None
    except (OSError, ValueError, KeyError, TypeError):  # HubError is a ValueError
        return None
