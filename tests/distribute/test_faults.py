"""What becomes of two workers that train, when something happens to one of them. Linux."""

import contextlib
import os
import signal
import subprocess
import sys
import time

import pytest
from safetensors.numpy import load_file

from tools.fault_injection import Training, final_state, largest_difference

pytestmark = [
    pytest.mark.slow,
    pytest.mark.release,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc"),
]


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    """The final state of the run to which nothing happens."""
    training = Training(tmp_path_factory.mktemp("unbroken"))
    try:
        assert training.finish() == 0, training.said()
        return final_state(training.run_folder)
    finally:
        training.close()


@pytest.fixture
def begin(tmp_path):
    """Call it with options of `kerazoo launch`: the same run, begun, or gone on with."""
    begun = []

    def training(*options, **arguments):
        begun.append(Training(tmp_path, *options, **arguments))
        return begun[-1]

    yield training
    for each in begun:
        each.close()


def finish(training):
    """The exit code; notes the process ids of all workers until then."""
    while training.process.poll() is None:
        training.workers()
        time.sleep(0.1)
    return training.finish()


def test_workers_that_are_killed_stopped_and_asked_to_end_cost_nothing(begin, unbroken):
    training = begin("--restarts", "3")
    workers = training.wait_for_step(8)
    os.kill(workers[0].pid, signal.SIGKILL)
    workers = training.wait_for_step(26, attempt=2)
    os.kill(workers[1].pid, signal.SIGTERM)
    workers = training.wait_for_step(44, attempt=3)
    os.kill(workers[1].pid, signal.SIGSTOP)
    start = time.monotonic()
    while len(training.events()) < 3 and time.monotonic() - start < 60:
        time.sleep(0.1)  # TensorFlow gives a worker ten seconds
    assert finish(training) == 0, training.said()
    for event, said in zip(
        training.events(),
        (
            "0 was ended by SIGKILL",
            "1 was ended by SIGTERM",
            "0 ended with exit code 75 (it lost another worker)",
        ),
        strict=False,
    ):
        assert f"worker {said}" in event
        assert "all start again from the last checkpoint" in event
    assert len(training.pids) == 8
    assert training.orphans() == []
    # Who was asked to end had all save, in the same step: from there they went on.
    (stopped,) = numbers(training, "Stopped after ")
    assert stopped >= 26
    assert stopped in numbers(training, "the run there goes on after its ")
    assert largest_difference(final_state(training.run_folder), unbroken) == 0


def numbers(training, text):
    """Those that follow `text` in what the workers said."""
    lines = [line for line in training.said().splitlines() if text in line]
    return {int(line.partition(text)[2].split()[0]) for line in lines}


# Worker 1 reaches worker 0 by a proxy, which is gone when the file "cut" is there.
PROXY = """
import asyncio, pathlib, sys
async def main():
    async def connect(reader, writer):
        other = await asyncio.open_connection("127.0.0.1", int(sys.argv[1]))
        await asyncio.gather(pass_on(reader, other[1]), pass_on(other[0], writer))
    async def pass_on(reader, writer):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    server = await asyncio.start_server(connect, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    while not pathlib.Path("cut").exists():
        await asyncio.sleep(0.05)
asyncio.run(main())
"""
BEHIND_A_PROXY = """
import json, os, subprocess, sys
config = json.loads(os.environ["TF_CONFIG"])
if config["task"]["index"] == 1:
    port = config["cluster"]["worker"][0].split(":")[1]
    command = [sys.executable, "-S", "proxy.py", port]
    proxy = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    config["cluster"]["worker"][0] = "127.0.0.1:" + proxy.stdout.readline().strip()
    os.environ["TF_CONFIG"] = json.dumps(config)
from kerazoo.cli.main import main
sys.argv[0] = "kerazoo"
main()
"""


@pytest.fixture
def small_disk(tmp_path):
    """Four megabytes for the run folder."""
    folder = tmp_path / "run"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount a small disk")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_cut_connection_and_a_full_disk_cost_nothing(begin, unbroken, tmp_path, small_disk):
    (tmp_path / "proxy.py").write_text(PROXY)
    (tmp_path / "worker.py").write_text(BEHIND_A_PROXY)
    training = begin("--restarts", "3", program=[sys.executable, "worker.py"])
    training.wait_for_step(10)
    (tmp_path / "cut").touch()
    start = time.monotonic()
    while not training.events() and time.monotonic() - start < 60:
        time.sleep(0.1)
    (tmp_path / "cut").unlink()
    training.wait_for_step(20, attempt=2)
    fill(small_disk / "filler")
    assert finish(training) == 2, training.said()
    lost, full = training.events()
    assert "(it lost another worker)" in lost
    assert "all start again from the last checkpoint (restart 1 of 3)" in lost
    assert "worker 0 ended with exit code 2 (an error that would come again)" in full
    lines = [line for line in training.said().splitlines() if "[worker 0] kerazoo:" in line]
    assert "lost another one" in lines[0]
    assert "No space left" in lines[1]
    assert len(lines) == 2
    assert training.orphans() == []
    assert load_file(max((small_disk / "checkpoints").glob("*.safetensors")))  # whole

    (small_disk / "filler").unlink()
    again = begin()
    again.wait_for_step(60)
    again.process.send_signal(signal.SIGINT)
    assert finish(again) == 128 + signal.SIGINT, again.said()
    assert len(numbers(again, "Stopped after ")) == 1
    assert not any("was killed" in event for event in again.events())
    last = begin()
    assert finish(last) == 0, last.said()
    assert largest_difference(final_state(last.run_folder), unbroken) == 0


def fill(path):
    """Write zeros until the disk is full."""
    with path.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))
