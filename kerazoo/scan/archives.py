"""Archives: unpacked by the rules of `kerazoo.foreign.archive`, then looked at file by file."""

from __future__ import annotations

import errno
import lzma
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

from kerazoo.errors import DataError, HubError
from kerazoo.foreign.archive import Budget, unpack_tar, unpack_zip
from kerazoo.scan import folders
from kerazoo.scan.place import Place
from kerazoo.scan.scan_report import Finding

DAMAGE = (
    zipfile.BadZipFile,
    tarfile.TarError,
    NotImplementedError,  # a way of packing that Python does not know
    EOFError,
    ValueError,
    IndexError,
    OverflowError,
    RuntimeError,
    struct.error,
    zlib.error,
    lzma.LZMAError,
    OSError,
)
"""What the readers of Python's archives raise for damaged ones."""
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES)
"""Numbers of the `OSError`s that are the fault of this machine, or of who calls."""


def scan_tar(place: Place) -> Iterator[Finding]:
    """Paths that lead elsewhere, links, devices, bombs; and every file inside."""
    yield from scan_unpacked(place, unpack_tar)


def scan_zip(place: Place) -> Iterator[Finding]:
    """As `scan_tar`."""
    yield from scan_unpacked(place, unpack_whole_zip)


def scan_unpacked(
    place: Place,
    unpack: Callable[[Path, Path, Budget], None],
    then: Callable[[Place], Iterator[Finding]] = folders.scan_files,
) -> Iterator[Finding]:
    """Unpack an archive and scan the folder with `then`; what must not be unpacked is a danger.

    Raises:
        DataError: it is damaged, or there is no room to unpack it.
    """
    with place.unpacked() as folder:
        try:
            unpack(place.path, folder.path, place.budget)
        except HubError as error:
            if "is damaged" in str(error):
                raise DataError(str(error)) from error
            yield place.told(error)
            return
        except DAMAGE as error:
            if isinstance(error, OSError) and error.errno in _NO_ROOM:
                raise DataError(
                    f"{place.name} cannot be unpacked into {str(folder.path.parent)!r}: "
                    f"{error.strerror}. TMPDIR names another folder."
                ) from error
            raise DataError(f"{place.name} is damaged: {_reason(error)}.") from error
        yield from then(folder)


def unpack_whole_zip(path: Path, folder: Path, budget: Budget) -> None:
    """All members of the zip file. Raises as `unpack_zip`, or one of `DAMAGE`."""
    with zipfile.ZipFile(path) as archive:
        unpack_zip(archive, "", folder, budget)


def _reason(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__
