"""Downloads that go on where they broke off, and get their name only when they are whole."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from kerazoo import atomic
from kerazoo.errors import RunError
from kerazoo.file_lock import locked
from kerazoo.foreign.saved_model_files import file_sha256

ATTEMPTS = 3
"""Connections that may break before a fetch is given up; the next call goes on all the same."""
_SECONDS = 20
_CHUNK = 1 << 16


def fetch(url: str, path: Path, *, sha256: str | None = None) -> str:
    """Fetch a file over http or https; returns its SHA-256.

    It is written beside `path` as a hidden `.NAME.VERSION.part`, which a later call, after an error
    or `kill -9`, goes on with if the server still has that version. Of processes that want the same
    file one fetches it, and the others wait. A file that is there is not fetched again, unless it
    is not what `sha256` says.

    Args:
        url: as it is asked for; redirections are followed.
        path: where the file is to be. Missing folders are made.
        sha256: what the file has to have, in hexadecimal digits; None takes any.

    Raises:
        requests.RequestException: the host or the file is out of reach, or the connection broke
            `ATTEMPTS` times.
        ValueError: the file is another one than `sha256` says; it is removed.
        kerazoo.errors.RunError: the folder cannot be written, or there is no room.
    """
    import requests

    folder = atomic.make_folder(path.parent)
    try:
        with locked(folder / f".{path.name}.lock"):
            if path.is_file() and sha256 in (None, (found := file_sha256(path))):
                return found
            return _put(url, path, sha256)
    except OSError as error:
        if isinstance(error, requests.RequestException | RunError):
            raise
        raise RunError(f"Cannot write {str(path)!r}: {error.strerror or error}.") from error


def _put(url: str, path: Path, sha256: str | None) -> str:
    part = _whole_part(url, path, sha256)
    found = file_sha256(part)
    if sha256 not in (None, found):
        part.unlink()
        raise ValueError(f"the file there has the SHA-256 {found}, not {sha256}")
    atomic.flush_to_disk(part)
    os.replace(part, path)
    for old in path.parent.glob(f".{path.name}.*.part"):  # of versions that are no longer there
        old.unlink(missing_ok=True)
    return found


def _whole_part(url: str, path: Path, sha256: str | None) -> Path:
    """The part file with all bytes of the file in it."""
    import requests

    failures = 0
    while True:
        try:
            with _get(url) as answer:
                version, unchanged = _version(answer, sha256), _if_unchanged(answer)
                part = path.with_name(f".{path.name}.{version or 'unknown'}.part")
                if version is None or not part.is_file():
                    _append(answer, part, start=0)
                    return part
            start = part.stat().st_size
            with _get(url, Range=f"bytes={start}-", **unchanged) as answer:
                if answer.status_code != requests.codes.requested_range_not_satisfiable:
                    is_rest = answer.status_code == requests.codes.partial_content
                    _append(answer, part, start=start if is_rest else 0)
            return part
        except requests.HTTPError:
            raise  # the server has answered
        except requests.RequestException:
            failures += 1
            if failures == ATTEMPTS:
                raise


@contextmanager
def _get(url: str, **headers: str) -> Iterator[Any]:
    """An answer whose body has yet to come, or `requests.RequestException`."""
    import requests

    # Compressed on the way, bytes could not be counted.
    headers = {"Accept-Encoding": "identity", **headers}
    with requests.get(url, headers=headers, stream=True, timeout=_SECONDS) as answer:
        if answer.status_code != requests.codes.requested_range_not_satisfiable:
            answer.raise_for_status()
        yield answer


def _version(answer: Any, sha256: str | None) -> str | None:
    """What tells two files at one address apart; None where the server does not say."""
    told = [answer.headers.get(name) for name in ("ETag", "Last-Modified")]
    known = [text for text in [*told, sha256] if text]
    return hashlib.sha256("\n".join(known).encode()).hexdigest()[:16] if known else None


def _if_unchanged(answer: Any) -> dict[str, str]:
    """By which a server gives the whole file instead of a rest that is of another one."""
    tag = answer.headers.get("ETag", "")
    told = tag if tag.startswith('"') else answer.headers.get("Last-Modified")
    return {"If-Range": told} if told else {}


def _append(answer: Any, part: Path, *, start: int) -> None:
    """Write what comes behind the first `start` bytes."""
    import requests

    length = int(answer.headers["Content-Length"]) if "Content-Length" in answer.headers else None
    free = shutil.disk_usage(part.parent).free
    if length is not None and length > free:
        raise RunError(
            f"No room for {answer.url}: it needs {length / 1e6:,.1f} MB in {str(part.parent)!r}, "
            f"where {free / 1e6:,.1f} MB are free. Free some, or set KERAZOO_CACHE to another disk."
        )
    with part.open("r+b" if start else "wb") as file, _progress(answer.url, start, length) as told:
        file.seek(start)
        for chunk in answer.iter_content(_CHUNK):
            file.write(chunk)
            told(len(chunk))
        is_plain = "Content-Encoding" not in answer.headers  # else the length is another one
        if is_plain and length is not None and file.tell() != start + length:
            raise requests.ConnectionError("the connection ended before the file did")


@contextmanager
def _progress(url: str, start: int, length: int | None) -> Iterator[Any]:
    """A bar for people; nothing in logs."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn()
    console, is_watched = Console(stderr=True), sys.stderr.isatty()
    with Progress(*columns, console=console, transient=True, disable=not is_watched) as bar:
        name = Path(urlsplit(url).path).name or url
        task = bar.add_task(name, total=None if length is None else start + length, completed=start)
        yield lambda count: bar.advance(task, count)
