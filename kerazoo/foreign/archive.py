"""Unpacking archives from strangers: regular files inside of one folder, or a refusal.

Python's own filters for tar files were circumvented more than once (CVE-2025-4517, -4138, -4330),
and do not limit sizes. A SavedModel needs neither links nor devices, so none are unpacked.
"""

from __future__ import annotations

import gzip
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Any

from kerazoo.errors import HubError
from kerazoo.foreign.saved_model_files import MOST_FILES

SUFFIXES = (".tar.gz", ".tgz", ".tar")
MOST_BYTES = 16 << 30
"""Unpacked size that no archive may exceed."""
FREE_BYTES = 256 << 20
"""Unpacked size that is not held against an archive, however small that is."""
MOST_EXPANSION = 50
"""Weights hardly shrink, and graphs shrink to a tenth: larger ratios are made to fill disks."""


def unpack_tar(archive: Path, folder: Path) -> None:
    """Unpack a .tar or .tar.gz file into `folder`, which exists.

    Raises:
        HubError: it is damaged, too large, or holds anything but regular files inside of it.
    """
    try:
        with _opened(archive) as tar:
            for count, member in enumerate(tar):
                _check_count(count, archive)
                target = _place(member.name, folder, archive)
                if member.isdir():
                    _make_folder(target, member.name, archive)
                    continue
                if not member.isreg() or member.issparse():  # holes have any size for nothing
                    raise _refusal(archive, member.name, _kind(member))
                content = tar.extractfile(member)
                assert content is not None  # it is a regular file
                _make_folder(target.parent, member.name, archive)
                _write(content, target, archive)
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise HubError(f"{archive.name} is damaged or no .tar.gz file: {error}.") from error


def unpack_zip(archive: zipfile.ZipFile, prefix: str, folder: Path) -> None:
    """Unpack the members below `prefix` of an open zip file into `folder`, which exists.

    Raises:
        HubError: as `unpack_tar`.
    """
    name = Path(str(archive.filename))
    members = [info for info in archive.infolist() if info.filename.startswith(prefix)]
    _check_count(len(members), name)
    unpacked, packed = (
        sum(getattr(info, size) for info in members) for size in ("file_size", "compress_size")
    )
    check_size(unpacked, packed, name)
    for info in members:
        target = _place(info.filename[len(prefix) :], folder, name)
        if (info.external_attr >> 28) not in (0, 0o10, 0o04):  # regular file or folder
            raise _refusal(name, info.filename, "a link or device")
        if info.is_dir():
            _make_folder(target, info.filename, name)
            continue
        _make_folder(target.parent, info.filename, name)
        try:
            with archive.open(info) as content:  # gives no more bytes than it declares
                _write(content, target, name)
        except (zipfile.BadZipFile, EOFError, zlib.error, RuntimeError) as error:
            raise HubError(f"{name.name} is damaged: {error}.") from error


@contextmanager
def _opened(archive: Path) -> Iterator[tarfile.TarFile]:
    """The archive as a stream: what it declares of itself is never believed."""
    with archive.open("rb") as file:
        is_packed = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        stream: Any = gzip.GzipFile(fileobj=file) if is_packed else file
        limited = _Limited(stream, archive, packed=archive.stat().st_size)
        with tarfile.open(fileobj=limited, mode="r|") as tar:  # type: ignore[call-overload]
            yield tar


class _Limited:
    """A stream that refuses to go on once more has come out than an honest archive holds.

    It stands below the reader of the archive, so that headers count as well.
    """

    def __init__(self, stream: IO[bytes], archive: Path, *, packed: int) -> None:
        self._stream, self._archive, self._packed, self._read = stream, archive, packed, 0

    def read(self, size: int) -> bytes:
        content = self._stream.read(size)
        self._read += len(content)
        check_size(self._read, self._packed, self._archive)
        return content


def check_size(unpacked: int, packed: int, archive: Path) -> None:
    """Raise `HubError` if so many bytes cannot have come out of an honest archive."""
    limit = min(MOST_BYTES, max(FREE_BYTES, MOST_EXPANSION * packed))
    if unpacked > limit:
        raise HubError(
            f"{archive.name} has {packed:,} bytes and unpacks to more than {limit:,}: refused."
        )


def _check_count(count: int, archive: Path) -> None:
    if count >= MOST_FILES:
        raise HubError(f"{archive.name} holds more than {MOST_FILES:,} files: refused.")


def _place(name: str, folder: Path, archive: Path) -> Path:
    """Where the member `name` goes, which is inside of `folder`."""
    path = PurePosixPath(name)
    is_plain = "\\" not in name and ":" not in name and "\0" not in name
    if path.is_absolute() or ".." in path.parts or not is_plain:
        raise _refusal(archive, name, "a path that leads elsewhere")
    return folder.joinpath(*path.parts)


def _kind(member: tarfile.TarInfo) -> str:
    if member.issym():
        return f"a symbolic link to {member.linkname!r}"
    if member.islnk():
        return f"a hard link to {member.linkname!r}"
    return "a device, a pipe, a file with holes or another special file"


def _refusal(archive: Path, name: str, what: str) -> HubError:
    return HubError(f"{archive.name} holds {name!r}, {what}: refused, nothing of it is kept.")


def _make_folder(folder: Path, name: str, archive: Path) -> None:
    """Make the folder that the member `name` is, or lies in."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        what = "which needs a folder where the archive holds a file"
        raise _refusal(archive, name, what) from error


def _write(content: IO[bytes], target: Path, archive: Path) -> None:
    if target.exists():
        raise _refusal(archive, target.name, "twice")
    with target.open("xb") as file:
        shutil.copyfileobj(content, file, 1 << 20)
