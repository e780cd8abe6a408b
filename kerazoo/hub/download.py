"""Fetching SavedModels: tfhub.dev and other https addresses, Kaggle, Google Cloud Storage.

tfhub.dev's protocol is one request: the address with `?tf-hub-format=compressed` gives a .tar.gz
file (tensorflow_hub, compressed_module_resolver.py). It is made here, since the file's own hash is
then known before anything is unpacked, and the unpacking is one that takes no links.
"""

from __future__ import annotations

import hashlib
import importlib.util
import shutil
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from kerazoo.datasets.source import cache_folder, is_reachable
from kerazoo.errors import HubError, MissingDependencyError
from kerazoo.fetch import fetch
from kerazoo.foreign.archive import MOST_BYTES, SUFFIXES, unpack_tar
from kerazoo.foreign.saved_model_files import MOST_FILES, copy, file_sha256, root_of
from kerazoo.notices import notice

_HUB_HOSTS = ("tfhub.dev", "www.tfhub.dev")


def from_address(address: str, folder: Path, sha256: str | None) -> str:
    """Fetch an archive over https and unpack it; returns the archive's SHA-256.

    Raises:
        HubError: the host is out of reach, it has no such file, or the file is refused.
    """
    url = address
    if urlsplit(address).hostname in _HUB_HOSTS:
        url = f"{address}{'&' if '?' in address else '?'}tf-hub-format=compressed"
    if not is_reachable(url):
        raise HubError(
            f"{urlsplit(url).hostname} is out of reach, so {address} cannot be had. Fetch it on "
            "another machine, and give its folder or .tar.gz file instead."
        )
    return _archive(address, folder, sha256, lambda path: _request(url, path))


def from_storage(address: str, folder: Path, sha256: str | None) -> str | None:
    """Copy a folder or an archive from Google Cloud Storage, by TensorFlow's own file system.

    Raises:
        HubError: there is no such object, it cannot be read here, or it is refused.
    """
    import tensorflow as tf

    files = tf.io.gfile
    try:
        if address.endswith(SUFFIXES):
            return _archive(
                address, folder, sha256, lambda path: files.copy(address, str(path), overwrite=True)
            )
        _copy_tree(address.rstrip("/"), folder)
    except (tf.errors.OpError, NotImplementedError) as error:
        raise HubError(f"Cannot read {address}: {_line(error)}") from error
    return None


def from_kaggle(handle: str, folder: Path) -> None:
    """Fetch a model of kaggle.com by kagglehub, which asks for credentials where they are needed.

    Raises:
        HubError: kagglehub cannot fetch it.
        MissingDependencyError: kagglehub is not installed.
    """
    if importlib.util.find_spec("kagglehub") is None:
        raise MissingDependencyError("Handles of Kaggle need kagglehub: pip install 'kerazoo[hub]'")
    import kagglehub

    # Addresses of its pages spell out what the handle's parts are.
    parts = [
        part for part in handle.split("/") if part not in ("frameworks", "variations", "versions")
    ]
    fetched = folder.parent / "kaggle"
    try:
        kagglehub.model_download("/".join(parts), output_dir=str(fetched))
    except Exception as error:  # kagglehub raises requests' errors, ValueError and its own
        raise HubError(f"kagglehub cannot fetch {handle!r}: {_line(error)}") from error
    copy(root_of(fetched, handle), folder)
    shutil.rmtree(fetched)


def _archive(
    address: str, folder: Path, sha256: str | None, bring: Callable[[Path], object]
) -> str:
    """Fetch an archive, say its hash, unpack it and throw it away."""
    # Not in `folder`, of which nothing is left after an error: what is here can be gone on with.
    # By the entry's key, whose lock then covers it.
    key = f"{address}\n{sha256 or ''}"
    path = cache_folder() / "archives" / hashlib.sha256(key.encode()).hexdigest()[:32]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)  # of a killed process: the address may have another one by now
    bring(path)
    try:
        found = file_sha256(path)
        if sha256 is None:
            notice(f"{address} has the SHA-256 {found}; pin it with sha256=.")
        unpack_tar(path, folder)
    finally:
        path.unlink()
    return found


def _request(url: str, path: Path) -> None:
    import requests

    notice(f"Fetching {url}")
    try:
        fetch(url, path)
    except requests.RequestException as error:
        raise HubError(f"Cannot fetch {url}: {_line(error)}") from error


def _copy_tree(address: str, folder: Path) -> None:
    import tensorflow as tf

    files, count, size = tf.io.gfile, 0, 0
    if not files.isdir(address):
        raise HubError(f"There is no folder {address}.")
    for place, _, names in files.walk(address):
        below = place[len(address) :].strip("/")
        if ".." in Path(below).parts:
            raise HubError(f"{address} holds {below!r}, a path that leads elsewhere: refused.")
        target = folder / below
        target.mkdir(parents=True, exist_ok=True)
        for name in names:
            source = f"{place.rstrip('/')}/{name}"
            count, size = count + 1, size + files.stat(source).length
            if count > MOST_FILES or size > MOST_BYTES:
                raise HubError(f"{address} holds more than a SavedModel may: refused.")
            files.copy(source, str(target / name))


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
