"""Locks between processes."""

import os
import subprocess
import sys

import pytest

from kerazoo.file_lock import locked

HOLD = """
import pathlib, sys
from kerazoo.file_lock import locked
with locked(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.readline()
    pathlib.Path(sys.argv[2]).write_text("done")
"""


def test_a_second_process_waits_for_the_first(tmp_path):
    lock, done = tmp_path / ".lock", tmp_path / "done"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(lock), str(done)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout.readline() == "held\n"
    holder.stdin.write("\n")
    holder.stdin.flush()
    with locked(lock):
        assert done.read_text() == "done"
    assert holder.wait() == 0
    holder.stdin.close()
    holder.stdout.close()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows locks what may be written")
def test_another_users_lock_file_is_only_read(tmp_path, monkeypatch):
    """As in a cache that several users share. (The tests may run as root, who may write all.)"""
    lock = tmp_path / ".lock"
    lock.touch()
    opened = []
    os_open = os.open

    def refuse_writing(path, flags, *mode):
        if flags & os.O_RDWR:
            raise PermissionError(13, "Permission denied", str(path))
        opened.append(path)
        return os_open(path, flags, *mode)

    monkeypatch.setattr(os, "open", refuse_writing)
    with locked(lock):
        pass
    assert opened == [lock]
