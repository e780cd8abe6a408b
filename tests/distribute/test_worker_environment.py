"""A worker's share of the machine."""

import json

import pytest

from kerazoo.distribute.worker_environment import fair_threads, share_gpus, worker_environment
from kerazoo.errors import DataError


@pytest.fixture
def devices(tmp_path):
    """A folder of device files like /dev of a machine with ten GPUs."""
    for name in [*(f"nvidia{i}" for i in range(10)), "nvidiactl", "nvidia-uvm", "null"]:
        (tmp_path / name).touch()
    return tmp_path


def test_gpus_are_shared_out_equally_and_in_order(devices):
    assert share_gpus({}, workers=2, each=None, devices=devices) == ["0,1,2,3,4", "5,6,7,8,9"]
    assert share_gpus({}, workers=3, each=2, devices=devices) == ["0,1", "2,3", "4,5"]
    for name in ("nvidia0", "nvidia1", "nvidia4"):  # a container sees the others, as 0 to 6
        (devices / name).unlink()
    assert share_gpus({}, workers=7, each=None, devices=devices) == list("0123456")
    visible = {"CUDA_VISIBLE_DEVICES": "7, GPU-ab,2"}
    assert share_gpus(visible, workers=3, each=None, devices=devices) == ["7", "GPU-ab", "2"]


@pytest.mark.parametrize("hidden", ["", "-1"])
def test_no_gpus_to_share(devices, tmp_path, hidden):
    assert share_gpus({}, workers=2, each=None, devices=tmp_path / "none") == [None, None]
    visible = {"CUDA_VISIBLE_DEVICES": hidden}
    assert share_gpus(visible, workers=2, each=None, devices=devices) == [None, None]


def test_too_few_gpus(devices):
    with pytest.raises(DataError, match="4 workers with 3 GPUs each need 12.*shows 10"):
        share_gpus({}, workers=4, each=3, devices=devices)
    with pytest.raises(DataError, match="2 workers with 1 GPU each need 2.*shows 1"):
        share_gpus({"CUDA_VISIBLE_DEVICES": "0"}, workers=2, each=None, devices=devices)


def test_what_the_user_set_about_threads_and_memory_stays():
    users = {"TF_NUM_INTRAOP_THREADS": "5", "TF_CONFIG": "old", "HOME": "/home/me"}
    place = {"ports": [1, 2], "index": 1, "threads": 3, "gpus": "4"}
    tuned = worker_environment({"GLIBC_TUNABLES": "glibc.malloc.arena_max=1"}, **place)
    assert tuned["GLIBC_TUNABLES"] == "glibc.malloc.arena_max=1"
    environment = worker_environment(users, **place)
    assert "glibc.malloc.hugetlb=1" in environment["GLIBC_TUNABLES"].split(":")
    assert environment["TF_NUM_INTRAOP_THREADS"] == "5"
    assert environment["OMP_NUM_THREADS"] == "3"
    assert environment["CUDA_VISIBLE_DEVICES"] == "4"
    assert environment["HOME"] == "/home/me"
    assert json.loads(environment["TF_CONFIG"]) == {
        "cluster": {"worker": ["127.0.0.1:1", "127.0.0.1:2"]},
        "task": {"type": "worker", "index": 1},
    }


def test_more_workers_than_cores_have_a_thread_each():
    assert fair_threads(10_000) == 1
    assert fair_threads(1) >= 1
