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
from collections.abc import Iterator, Sequence
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
FREE_PARTS = 1 << 21
"""Parts of files in archives that may be looked at, besides one for each byte of the archives."""
_BYTES_OF_A_FILE = 1 << 10
"""For each so many bytes of an archive, it may hold a file beyond `MOST_FILES`."""


class Budget:
    """What archives may unpack to together, those that lie in one another among them."""

    def __init__(self) -> None:
        self._bytes, self._files, self._parts = FREE_BYTES, MOST_FILES, FREE_PARTS

    def grow(self, size: int) -> None:
        """A file of so many bytes comes in, which lies in no archive."""
        self._bytes += MOST_EXPANSION * size
        self._files += size // _BYTES_OF_A_FILE
        self._parts += size

    def take(self, name: str, *, unpacked: int = 0, files: int = 0, parts: int = 0) -> None:
        """So much comes out of an archive of that name.

        Args:
            name: of the archive, or of what lies in it.
            unpacked: bytes.
            files: files and folders.
            parts: what is looked at one by one in a file, as the objects of a config.

        Raises:
            HubError: that is more than is left.
        """
        self._bytes -= unpacked
        self._files -= files
        self._parts -= parts
        if min(self._bytes, self._files, self._parts) < 0:
            raise HubError(
                f"{name} unpacks, with all around it, to more than honest archives of their size: "
                "refused."
            )


def unpack_tar(archive: Path, folder: Path, budget: Budget | None = None) -> None:
    """Unpack a .tar or .tar.gz file into `folder`, which exists.

    Args:
        budget: what is left for this archive and others; None for one that is alone.

    Raises:
        HubError: it is damaged, too large, or holds anything but regular files inside of it.
    """
    budget = budget or _alone(archive)
    try:
        with _opened(archive, budget) as tar:
            for count, member in enumerate(tar):
                _check_count(count, archive)
                budget.take(archive.name, files=1)
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


def unpack_zip(
    archive: zipfile.ZipFile, prefix: str, folder: Path, budget: Budget | None = None
) -> None:
    """Unpack the members below `prefix` of an open zip file into `folder`, which exists.

    Args:
        budget: as for `unpack_tar`.

    Raises:
        HubError: as `unpack_tar`.
    """
    name = Path(str(archive.filename))
    members = [info for info in archive.infolist() if info.filename.startswith(prefix)]
    check_members(members, name)
    if budget is not None:
        unpacked = sum(info.file_size for info in members)
        budget.take(name.name, unpacked=unpacked, files=len(members))
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


def check_members(members: Sequence[zipfile.ZipInfo], archive: Path) -> None:
    """Raise `HubError` if those of an archive are too many, or unpack to too much together."""
    _check_count(len(members) - 1, archive)
    unpacked, packed = (
        sum(getattr(info, size) for info in members) for size in ("file_size", "compress_size")
    )
    check_size(unpacked, packed, archive)


def _alone(archive: Path) -> Budget:
    budget = Budget()
    budget.grow(archive.stat().st_size)
    return budget


@contextmanager
def _opened(archive: Path, budget: Budget) -> Iterator[tarfile.TarFile]:
    """The archive as a stream: what it declares of itself is never believed."""
    with archive.open("rb") as file:
        is_packed = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        stream: Any = gzip.GzipFile(fileobj=file) if is_packed else file
        limited = _Limited(stream, archive, archive.stat().st_size, budget)
        with tarfile.open(fileobj=limited, mode="r|") as tar:  # type: ignore[call-overload]
            yield tar


class _Limited:
    """A stream that refuses to go on once more has come out than an honest archive holds.

    It stands below the reader of the archive, so that headers count as well.
    """

    def __init__(self, stream: IO[bytes], archive: Path, packed: int, budget: Budget) -> None:
        self._stream, self._archive, self._packed = stream, archive, packed
        self._budget, self._read = budget, 0

    def read(self, size: int) -> bytes:
        content = self._stream.read(size)
        self._read += len(content)
        check_size(self._read, self._packed, self._archive)
        self._budget.take(self._archive.name, unpacked=len(content))
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
