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

    The file is written under a temporary name and gets its own only if its hash is right.

    Raises:
        DataError: what arrived is not the file that was published.
    """
    import pooch
    import requests

    if offline() or not is_reachable(url):
        return None
    try:
        return Path(
            pooch.retrieve(
                url,
                known_hash=f"sha256:{sha256}",
                fname=Path(urlsplit(url).path).name,
                path=cache_folder(),
                downloader=pooch.HTTPDownloader(timeout=20),
            )
        )
    except requests.RequestException:
        return None
    except (ValueError, OSError) as error:
        raise DataError(f"Downloading {url} failed: {' '.join(str(error).split())}") from error


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
    thread.join(_REACHABLE_SECONDS)
    return answered.is_set()
