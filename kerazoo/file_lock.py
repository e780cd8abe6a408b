"""One process at a time: a lock that the system takes back when its holder dies."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EBADF)  # the last: NFS, read-only


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock of the file `path`, which is made where it is not there and stays. File systems
    that have no locks, as some of clusters, do without.

    Raises:
        OSError: the file cannot be made.
    """
    descriptor = _open(path)
    try:
        _acquire(descriptor)
        yield
    finally:
        os.close(descriptor)  # which frees the lock


@contextlib.contextmanager
def claimed(folder: Path) -> Iterator[bool]:
    """Hold the lock of a folder; False instead if another process holds it. Leaves nothing behind.

    True as well where there are no such locks: on Windows, and on some network file systems.

    Raises:
        OSError: the folder cannot be opened.
    """
    if sys.platform == "win32":
        yield True
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        yield _is_ours(descriptor)
    finally:
        os.close(descriptor)


def _is_ours(descriptor: int) -> bool:
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # no locks here
        return True
    return True


def _open(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except PermissionError:
        if not path.exists():
            raise
        return os.open(path, os.O_RDONLY)  # another user's, in a shared folder; reading will do


def _acquire(descriptor: int) -> None:
    if sys.platform != "win32":
        import fcntl

        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
        return
    import msvcrt

    while True:
        try:
            msvcrt.locking(descriptor, msvcrt.LK_LOCK, 1)  # gives up after ten seconds
            return
        except OSError:
            time.sleep(0.1)
