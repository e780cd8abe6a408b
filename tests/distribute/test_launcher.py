"""The launcher, with workers that are short scripts: who ends when, what is said, what is left."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kerazoo import distribute
from kerazoo.distribute import launcher
from kerazoo.distribute.free_ports import reserved_ports
from kerazoo.errors import ConfigError, UnknownNameError

# A worker's beginning: `index`, `attempt` (0, 1 ...), and its process id in a file for the test.
PREAMBLE = """
import json, os, signal, subprocess, sys, time
from pathlib import Path
sys.path.insert(0, {source!r})
from kerazoo.distribute import beat
index = json.loads(os.environ["TF_CONFIG"])["task"]["index"]
attempt = int(Path(os.environ["KERAZOO_HEARTBEAT"]).parent.name) - 1
def note(pid):
    Path(f"pid-{{pid}}").touch()
note(os.getpid())
def child():  # of the worker: must not outlive it
    process = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(60)"])
    note(process.pid)
    return process
"""


@pytest.fixture
def script(tmp_path, monkeypatch):
    """Call it with a worker's code: gives the command that runs it. Processes are in tmp_path."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TF_CONFIG", raising=False)

    def write(code):
        source = str(Path(distribute.__file__).parent.parent.parent)
        Path("worker.py").write_text(PREAMBLE.format(source=source) + code)
        return [sys.executable, "worker.py"]

    return write


def still_running(folder):
    """Process ids of those noted in `folder` that have not ended; the last have two seconds."""
    until = time.monotonic() + 2
    while True:
        pids = [int(path.name[4:]) for path in folder.glob("pid-*")]
        left = [pid for pid in pids if _runs(pid)]
        if not left or time.monotonic() > until:
            return left
        time.sleep(0.05)


def _runs(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"  # a zombie has ended; whoever took it over may not have looked


def test_each_worker_knows_the_cluster_and_prints_with_its_name(script, capsys):
    command = script("""
cluster = json.loads(os.environ["TF_CONFIG"])["cluster"]
print(*cluster["worker"], os.environ["TF_NUM_INTRAOP_THREADS"])
print("caution", file=sys.stderr)
""")
    assert distribute.launch(command, workers=3, threads=2) == 0
    out, err = capsys.readouterr()
    said = dict(line.split("] ") for line in out.splitlines())
    assert sorted(said) == ["[worker 0", "[worker 1", "[worker 2"]
    assert len(set(said.values())) == 1  # all know the same cluster
    *addresses, threads = said["[worker 0"].split()
    assert threads == "2"
    assert len(set(addresses)) == 3
    assert all(address.startswith("127.0.0.1:") for address in addresses)
    assert sorted(err.splitlines()) == [f"[worker {i}] caution" for i in range(3)]


def test_all_end_when_one_fails(script, tmp_path, capsys):
    command = script("""
child()
beat(7)
if index == 1:
    time.sleep(0.3)
    sys.exit(9)
time.sleep(60)
""")
    assert distribute.launch(command) == 9
    assert capsys.readouterr().err == (
        "[launch] worker 1 ended with exit code 9 after step 7; all are ended, with exit code 9.\n"
    )
    assert still_running(tmp_path) == []
    assert len(list(tmp_path.glob("pid-*"))) == 4


def test_a_killed_worker_restarts_all_with_fresh_ports(script, tmp_path, capsys):
    command = script("""
print(attempt, *json.loads(os.environ["TF_CONFIG"])["cluster"]["worker"])
if attempt < 2 and index == 0:
    beat(10 + attempt)
    os.kill(os.getpid(), signal.SIGKILL)
if attempt < 2:
    time.sleep(60)
""")
    assert distribute.launch(command, restarts=3) == 0
    out, err = capsys.readouterr()
    assert err.splitlines() == [
        f"[launch] worker 0 was ended by SIGKILL after step {10 + i}; "
        f"all start again from the last checkpoint (restart {i + 1} of 3)."
        for i in range(2)
    ]
    clusters = {line.split("] ")[1] for line in out.splitlines()}
    ports = {port for cluster in clusters for port in cluster.split()[1:]}
    assert len(clusters) == 3
    assert len(ports) == 6
    assert still_running(tmp_path) == []


def test_restarts_come_to_an_end_and_an_error_that_would_come_again_gets_none(script, capsys):
    command = script("sys.exit(int(Path('code').read_text()))")
    for code, restarts in ((3, 2), (2, 0)):
        Path("code").write_text(str(code))
        assert distribute.launch(command, workers=1, restarts=2) == code
        said = capsys.readouterr().err.splitlines()
        assert sum("start again" in line for line in said) == restarts
        assert f"all are ended, with exit code {code}" in said[-1]
        assert ("would come again" in said[-1]) == (code == 2)


def test_the_blame_is_on_the_lost_worker_not_on_who_lost_it(script, capsys):
    # The other one is quicker to end: TensorFlow notices a lost connection at once.
    command = script("sys.exit(75) if index == 0 else (time.sleep(0.5), sys.exit(4))")
    assert distribute.launch(command) == 4
    assert "[launch] worker 1 ended with exit code 4;" in capsys.readouterr().err


def test_a_hang_is_noticed_and_ended_though_the_workers_are_stopped(script, tmp_path, capsys):
    command = script("""
child()
for step in range(3):
    beat(step)
    time.sleep(0.02)
if attempt == 0:
    os.kill(os.getpid(), signal.SIGSTOP) if index else time.sleep(60)
""")
    assert distribute.launch(command, progress_timeout=1, restarts=1) == 0
    assert capsys.readouterr().err.splitlines() == [
        "[launch] no worker advanced for 1 s (worker 0: step 2, worker 1: step 2); "
        "all start again from the last checkpoint (restart 1 of 1)."
    ]
    assert still_running(tmp_path) == []


def test_a_program_without_heartbeat_does_not_hang_by_being_slow(script):
    assert distribute.launch(script("time.sleep(1)"), workers=1, progress_timeout=0.1) == 0


@pytest.mark.parametrize(("command", "code"), [("list", 0), ("train", 75)])
def test_a_command_that_never_beats_does_not_hang_by_being_slow(script, command, code):
    script("")  # for its folder
    argv = [command, "mnist_mlp"]
    assert distribute.launch(argv, workers=1, progress_timeout=0.1) == code


def test_workers_that_ignore_the_signal_are_killed(script, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(launcher, "_END_WITHIN", 0.5)
    command = script("""
signal.signal(signal.SIGTERM, signal.SIG_IGN)
Path(f"ready-{index}").touch()
while index or not Path("ready-1").exists():
    time.sleep(0.02)
sys.exit(5)
""")
    assert distribute.launch(command) == 5
    assert "[launch] worker 1 did not end and was killed." in capsys.readouterr().err
    assert still_running(tmp_path) == []


LAUNCHER = """
import sys
from kerazoo import distribute
sys.exit(distribute.launch([sys.executable, "worker.py"], stop_timeout=20))
"""


@pytest.fixture
def launched(script, tmp_path):
    """Call it with a worker's code: a launcher in a process of its own, its workers ready."""
    processes = []

    def start(code):
        script(code)
        source = str(Path(distribute.__file__).parent.parent.parent)
        process = subprocess.Popen(
            [sys.executable, "-c", LAUNCHER],
            env={**os.environ, "PYTHONPATH": source},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        until = time.monotonic() + 60
        while len(list(tmp_path.glob("ready-*"))) < 2 and time.monotonic() < until:
            time.sleep(0.02)
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


SAVES = """
def save(number, frame):
    time.sleep(0.5)
    print("saved", flush=True)
    signal.signal(number, signal.SIG_DFL)
    signal.raise_signal(number)
signal.signal(signal.SIGINT, save)
signal.signal(signal.SIGTERM, save)
child()
Path(f"ready-{index}").touch()
time.sleep(60)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_workers_save_before_an_asked_end(launched, tmp_path, number):
    process = launched(SAVES)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert sorted(out.splitlines()) == ["[worker 0] saved", "[worker 1] saved"]
    assert f"stopped by {number.name}; the workers have 20 s to save and end" in err
    assert "was killed" not in err
    assert still_running(tmp_path) == []


def test_a_second_signal_kills_at_once(launched, tmp_path):
    process = launched(
        SAVES.replace("time.sleep(0.5)", "Path(f'saves-{index}').touch(); time.sleep(60)")
    )
    process.send_signal(signal.SIGINT)
    until = time.monotonic() + 60
    while len(list(tmp_path.glob("saves-*"))) < 2 and time.monotonic() < until:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=15)
    assert process.returncode == 130
    assert err.count("did not end and was killed") == 2
    assert still_running(tmp_path) == []


def test_nothing_outlives_a_launcher_that_is_killed(launched, tmp_path):
    process = launched(SAVES)
    process.kill()
    process.communicate(timeout=60)  # the pipes are closed when the last worker is gone
    assert len(list(tmp_path.glob("pid-*"))) == 4
    assert still_running(tmp_path) == []


def test_a_bar_is_shown_by_its_last_picture(script, capsys):
    command = script(r"""
print("begin\r\n", end="")
for step in range(100):
    print(f"\r{step}%", end="", flush=True)
print("\ntwo\nno end", end="")
""")
    assert distribute.launch(command, workers=1) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"[worker 0] {line}" for line in ("begin", "99%", "two", "no end")
    ]


def test_ports_are_nobody_elses_while_they_are_reserved():
    with reserved_ports(2) as first, reserved_ports(2) as second:
        assert len({*first, *second}) == 4
        for port in (*first, *second):
            with socket.socket() as other, pytest.raises(OSError, match="in use"):
                other.bind(("127.0.0.1", port))
            with socket.socket() as sharing:  # as TensorFlow's servers do
                sharing.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
                sharing.bind(("0.0.0.0", port))
                sharing.listen()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"workers": 0}, "`workers` must be an integer of 1 or above. Received: 0"),
        ({"restarts": -1}, "`restarts` must be an integer of 0 or above. Received: -1"),
        ({"progress_timeout": 0}, "`progress_timeout` must be a finite number above 0"),
        ({"threads": 0.5}, "`threads` must be an integer"),
        ({"devices_per_worker": 0}, "`devices_per_worker` must be an integer"),
    ],
)
def test_numbers_out_of_range(arguments, message):
    with pytest.raises(ConfigError, match=message):
        distribute.launch(["train"], **arguments)


def test_a_command_that_does_not_exist():
    with pytest.raises(UnknownNameError, match="Unknown command or program 'trian'.*'train'"):
        distribute.launch(["trian", "mnist_cnn"])
    with pytest.raises(UnknownNameError, match="Unknown command or program ''"):
        distribute.launch([])
