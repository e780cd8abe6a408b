"""From a handle (a folder, an archive, an address) to a SavedModel on this machine."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable
from pathlib import Path

from kerazoo.datasets.source import offline
from kerazoo.errors import HubError
from kerazoo.foreign.archive import SUFFIXES, unpack_tar
from kerazoo.foreign.saved_model_files import content_sha256, file_sha256, root_of
from kerazoo.hub import cache, download
from kerazoo.hub.cache import Located

_KAGGLE = re.compile(r"(?:https://)?(?:www\.)?kaggle\.com/models/(.+)")


def locate(handle: str | os.PathLike[str], sha256: str | None = None) -> Located:
    """Find the SavedModel that `handle` names, downloading it into the cache if need be.

    Args:
        handle: a folder; a .tar.gz, .tgz or .tar file; an https:// address of such a file or of
            tfhub.dev; kaggle.com/models/OWNER/MODEL/FRAMEWORK/VARIATION[/VERSION]; gs://.
        sha256: 64 hex digits that its archive or its content must have; None skips the check.

    Raises:
        HubError: there is no such handle, it cannot be had here, it is not what was pinned, or it
            is no SavedModel.
        MissingDependencyError: a Kaggle handle without kagglehub.
        RunError: the cache cannot be written.
    """
    if sha256 is not None and not re.fullmatch(r"[0-9a-f]{64}", sha256):
        raise HubError(f"`sha256` must be 64 hex digits in lower case. Received: {sha256!r}.")
    found = _find(os.fspath(handle), sha256)
    _check_pinned(str(handle), sha256, found)
    return found


def _check_pinned(handle: str, sha256: str | None, found: Located) -> None:
    if sha256 is not None and sha256 not in (found.sha256, found.archive_sha256):
        archive = f", its archive {found.archive_sha256}" if found.archive_sha256 else ""
        raise HubError(
            f"{handle} is not the SavedModel that was pinned: sha256={sha256!r} was expected, and "
            f"its content has {found.sha256}{archive}."
        )


def _find(handle: str, sha256: str | None) -> Located:
    if "://" not in handle and not _KAGGLE.fullmatch(handle):
        return _local(Path(handle))
    fetch = _fetcher(handle)

    def fill(folder: Path) -> str | None:
        if offline():
            raise HubError(
                f"{handle} is not in the cache, and KERAZOO_OFFLINE forbids downloads. Fetch it on "
                "another machine, and give its folder or .tar.gz file instead."
            )
        archive_sha256 = fetch(folder, sha256)
        root = root_of(folder, handle)  # compared here, so that another one is not kept
        _check_pinned(handle, sha256, Located(root, content_sha256(root), archive_sha256))
        return archive_sha256

    # A pinned handle and one that follows its publisher are kept apart.
    key = hashlib.sha256(f"{handle}\n{sha256 or ''}".encode()).hexdigest()
    return cache.entry(key, handle, fill)


def _local(path: Path) -> Located:
    if path.is_dir():
        root = root_of(path, str(path))
        return Located(root, content_sha256(root))
    if not path.is_file():
        raise HubError(
            f"No folder or file {str(path)!r}. Handles are a SavedModel folder, a .tar.gz file, "
            "https://tfhub.dev/..., kaggle.com/models/... and gs://..."
        )
    if not path.name.endswith(SUFFIXES):
        raise HubError(f"An archive must end in {', '.join(SUFFIXES)}. Received: {str(path)!r}.")
    archive_sha256 = file_sha256(path)

    def fill(folder: Path) -> str:
        unpack_tar(path, folder)
        return archive_sha256

    return cache.entry(archive_sha256, path.name, fill)


def _fetcher(handle: str) -> Callable[[Path, str | None], str | None]:
    """What fills a folder with the SavedModel of a handle that lies elsewhere."""
    kaggle = _KAGGLE.fullmatch(handle)
    if kaggle:
        return lambda folder, _: download.from_kaggle(kaggle[1], folder)
    if handle.startswith("gs://"):
        return lambda folder, sha256: download.from_storage(handle, folder, sha256)
    if handle.startswith("https://"):
        return lambda folder, sha256: download.from_address(handle, folder, sha256)
    raise HubError(
        f"Handles are folders, .tar.gz files, https://, kaggle.com/models/ and gs:// addresses. "
        f"Received: {handle!r}."
    )
