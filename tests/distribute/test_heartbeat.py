"""A worker's sign of life: in the file that the environment names, or nowhere."""

import os

import pytest

from kerazoo.distribute import beat
from kerazoo.distribute.heartbeat import VARIABLE, last_beat
from kerazoo.errors import RunError


def test_the_newest_step_is_read_back(tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, str(tmp_path / "beat"))
    assert last_beat(tmp_path / "beat") is None
    for step in (0, 9, 1_000_000, 3):  # smaller after larger: no digit of an older one stays
        beat(step)
        assert last_beat(tmp_path / "beat")[0] == step


def test_a_beat_with_the_same_step_is_newer(tmp_path, monkeypatch):
    path = tmp_path / "beat"
    monkeypatch.setenv(VARIABLE, str(path))
    beat(5)
    os.utime(path, (100, 100))
    beat(5)
    assert last_beat(path)[1] > 100


def test_nothing_is_written_without_a_launcher(tmp_path, monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.chdir(tmp_path)
    beat(1)
    assert not list(tmp_path.iterdir())


def test_each_launch_has_its_own_file(tmp_path, monkeypatch):
    for name in ("first", "second"):
        monkeypatch.setenv(VARIABLE, str(tmp_path / name))
        beat(1)
    assert last_beat(tmp_path / "second")[0] == 1


def test_a_file_that_cannot_be_written_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, str(tmp_path / "missing" / "beat"))
    with pytest.raises(RunError, match="missing/beat.*KERAZOO_HEARTBEAT.*No such file"):
        beat(1)
