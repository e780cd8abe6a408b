"""Where a dataset's file is: `$KERAZOO_DATA`, the cache, or, if allowed and reachable, a download.

Offline first: `KERAZOO_OFFLINE=1` forbids every download, and an unreachable host is noticed within
seconds instead of a time-out's minute.
"""

from __future__ import annotations

import os
import socket
import threading
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

from kerazoo.errors import DataError
from kerazoo.fetch import fetch

_REACHABLE_SECONDS = 2.0


def offline() -> bool:
    """Whether downloads are forbidden: `KERAZOO_OFFLINE` is set to anything but 0."""
    return os.environ.get("KERAZOO_OFFLINE", "0") not in ("", "0")


def cache_folder() -> Path:
    """Where downloads are kept: `$KERAZOO_CACHE`, else the user's cache folder."""
    import pooch

    return Path(os.environ.get("KERAZOO_CACHE") or pooch.os_cache("kerazoo"))


def find_file(name: str) -> Path | None:
    """The file in `$KERAZOO_DATA` or the cache; None where there is none.

    Raises:
        DataError: `KERAZOO_DATA` is set to a folder that does not exist.
    """
    folder = os.environ.get("KERAZOO_DATA")
    if folder and not Path(folder).is_dir():
        raise DataError(
            f"KERAZOO_DATA is set to {folder!r}, which is no folder. Correct or unset it."
        )
    candidates = ([Path(folder) / name] if folder else []) + [cache_folder() / name]
    return next((path for path in candidates if path.is_file()), None)


def download(url: str, *, sha256: str) -> Path | None:
    """Fetch a file into the cache; None where downloads are forbidden or the host is out of reach.

    The file gets its name only if it is whole and its hash is right (`kerazoo.fetch`).

    Raises:
        DataError: what arrived is not the file that was published.
        RunError: the cache cannot be written, or there is no room.
    """
    import requests

    path = cache_folder() / Path(urlsplit(url).path).name
    if offline() or not is_reachable(url):
        return None
    try:
        fetch(url, path, sha256=sha256)
    except requests.RequestException:
        return None
    except ValueError as error:
        raise DataError(f"Downloading {url} failed: {error}.") from error
    return path


def is_reachable(url: str) -> bool:
    """Whether a connection opens within seconds. Name look-ups know no time-out: hence a thread."""
    parts = urlsplit(url)
    if urllib.request.getproxies().get(parts.scheme):
        return True  # the proxy looks up the host; requests' own time-out has to do
    answered = threading.Event()

    def connect() -> None:
        port = parts.port or (443 if parts.scheme == "https" else 80)
        try:
            socket.create_connection((parts.hostname, port), _REACHABLE_SECONDS).close()
            answered.set()
        except OSError:
            pass

    thread = threading.Thread(target=connect, daemon=True)
    thread.start()
    thread.join(2 * _REACHABLE_SECONDS)  # an address that swallows packets may come first
    return answered.is_set()
