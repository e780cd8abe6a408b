"""Files appear whole or not at all, whatever goes wrong on the way."""

import errno
import os
import subprocess
import sys

import pytest

from kerazoo import atomic
from kerazoo.errors import RunError


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_written_and_replaced(tmp_path):
    path = tmp_path / "new" / "file.txt"
    atomic.write_text(path, "one")
    atomic.write_text(path, "zwei: ü")
    assert path.read_text(encoding="utf-8") == "zwei: ü"
    assert names(path.parent) == ["file.txt"]


def test_a_folder_is_written_and_replaced(tmp_path):
    for content in ("one", "two"):
        with atomic.replacing(tmp_path / "folder") as temporary:
            temporary.mkdir()
            (temporary / content).write_text(content)
    assert names(tmp_path) == ["folder"]
    assert names(tmp_path / "folder") == ["two"]


@pytest.mark.parametrize("error", [RuntimeError("ours"), KeyboardInterrupt()])
def test_an_error_inside_leaves_the_file_before_and_nothing_else(tmp_path, error):
    atomic.write_text(tmp_path / "file", "before")

    def write():
        with atomic.replacing(tmp_path / "file") as temporary:
            temporary.write_text("half")
            raise error

    with pytest.raises(type(error)):
        write()
    assert (tmp_path / "file").read_text() == "before"
    assert names(tmp_path) == ["file"]


def test_a_full_disk_is_one_line_and_leaves_the_file_before(tmp_path, monkeypatch):
    atomic.write_text(tmp_path / "file", "before")

    def fsync(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(RunError, match="No space left on device. Nothing was changed"):
        atomic.write_text(tmp_path / "file", "after")
    assert (tmp_path / "file").read_text() == "before"
    assert names(tmp_path) == ["file"]


def test_a_killed_writer_leaves_the_file_before(tmp_path):
    """SIGKILL in the middle of the write: no clean-up runs at all."""
    atomic.write_text(tmp_path / "file", "before")
    code = """
import os, signal, sys
from kerazoo import atomic
with atomic.replacing(sys.argv[1]) as temporary:
    temporary.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "file")], check=False)
    assert (tmp_path / "file").read_text() == "before"
    visible = [name for name in names(tmp_path) if not name.startswith(".")]
    assert visible == ["file"]


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(RunError, match="Cannot create the folder"):
        atomic.write_text(tmp_path / "file" / "inner" / "x", "text")
