"""Files and folders that appear whole or not at all.

Everything is written under a temporary name in the target's own folder, flushed to disk, and
renamed over the target, so that a reader never sees half a file and a full disk or a killed
process leaves the previous file as it was.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from kerazoo.errors import RunError


def make_folder(path: str | os.PathLike[str]) -> Path:
    """Create `path` and its parents; raise `RunError` in one line where that is not allowed."""
    path = Path(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"Cannot create the folder {str(path)!r}: {error.strerror}.") from error
    return path


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success it becomes `path`, on error it is removed.

    The temporary path does not exist yet: the caller may create a file or a folder there. It keeps
    the suffix of `path`, since Keras and others choose a format by it.

    Raises:
        RunError: the folder cannot be written, or the disk is full.
    """
    path = Path(path)
    folder = make_folder(path.parent)
    try:
        scratch = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=folder))
    except OSError as error:
        raise RunError(f"Cannot write to the folder {str(folder)!r}: {error.strerror}.") from error
    try:
        temporary = scratch / path.name
        yield temporary
        flush_to_disk(temporary)
        _put(temporary, path, scratch / "previous")
        if os.name == "posix":
            with contextlib.suppress(OSError):  # the file is whole; its name may be a moment late
                _sync(folder, os.O_RDONLY)
    except OSError as error:
        if isinstance(error, RunError):
            raise
        raise RunError(
            f"Cannot write {str(path)!r}: {error.strerror or error}. Nothing was changed."
        ) from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def remove_unfinished(folder: Path, name: str) -> None:
    """Remove what killed processes were writing by `replacing`, as `name` (or names of that
    pattern) in `folder`; everything else there is somebody's."""
    for scratch in folder.glob(f".{name}.????????"):
        if scratch.is_dir():
            shutil.rmtree(scratch, ignore_errors=True)


def _put(new: Path, path: Path, aside: Path) -> None:
    """Give `new` the name `path`. A folder cannot be put over a full one: that steps aside first,
    and comes back if the new one cannot follow."""
    if not path.is_dir():
        os.replace(new, path)
        return
    os.replace(path, aside)
    try:
        os.replace(new, path)
    except BaseException:
        os.replace(aside, path)
        raise


def write_bytes(path: str | os.PathLike[str], content: bytes) -> None:
    """Write a whole file, or none of it. Raises `RunError` as `replacing` does."""
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: str | os.PathLike[str], content: str) -> None:
    """Write a whole text file in UTF-8, or none of it. Raises `RunError` as `replacing` does."""
    write_bytes(path, content.encode())


def flush_to_disk(path: Path) -> None:
    """A rename is only as safe as the bytes behind it."""
    files = path.rglob("*") if path.is_dir() else [path]
    for file in files:
        if file.is_file():
            _sync(file, os.O_RDWR)  # Windows flushes only what may be written


def _sync(path: Path, mode: int) -> None:
    descriptor = os.open(path, mode)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
