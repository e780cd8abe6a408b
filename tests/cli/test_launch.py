"""`kerazoo launch`: the command after its options, exit codes, and the commands for hosts."""

import json
import subprocess
import sys

from kerazoo.cli.main import app
from kerazoo.distribute.launcher import KERAZOO_COMMANDS


def test_the_launcher_knows_every_command():
    registered = [command.name for command in app.registered_commands]
    assert sorted(KERAZOO_COMMANDS) == sorted(registered)


def test_a_kerazoo_command_runs_in_each_worker(run):
    code, out, _ = run("launch", "--workers", 2, "--", "list", "mnist_cnn")
    assert code == 0
    names = [line.split()[:3] for line in out.splitlines() if "mnist_cnn" in line]
    assert sorted(names) == [["[worker", f"{i}]", "mnist_cnn"] for i in range(2)]


def test_the_exit_code_is_that_of_the_worker(run):
    program = [sys.executable, "-S", "-c", "import sys; sys.exit(len(sys.argv))", "--workers", 5]
    for separator in ([], ["--"]):
        code, _, err = run("launch", "--workers", 1, *separator, *program)
        assert code == 3
        assert "worker 0 ended with exit code 3; all are ended, with exit code 3." in err


def test_a_lost_worker_is_exit_code_75_at_once():
    # The thread stands for those of TensorFlow, which the interpreter would wait for at its end.
    code = """
import sys, threading, time
import kerazoo.cli.main as command_line
from kerazoo.errors import WorkerLostError
def app(*arguments, **options):
    threading.Thread(target=time.sleep, args=(60,)).start()
    print("before", end="")
    raise WorkerLostError("Worker 1 is gone.")
command_line.app = app
command_line.main()
"""
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 75
    assert (done.stdout, done.stderr) == ("before", "kerazoo: Worker 1 is gone.\n")


def test_what_is_wrong_is_one_line(run):
    for arguments, message in (
        (("launch", "--", "trian"), "Unknown command or program 'trian'"),
        (("launch", "--workers", 0, "--", "train"), "`workers` must be an integer of 1 or above"),
        (("launch", "--json", "--", "train"), "--output-dir, --port and --json go with --hosts"),
        (("launch", "--hosts", "a, b", "--restarts", 2, "--", "train"), "--restarts is not for"),
        (("launch", "--hosts", "a,a", "--", "train"), "Twice: 'a:12000'"),
    ):
        code, _, err = run(*arguments)
        assert code == 2
        assert message in err
        assert len(err.splitlines()) == 1


def test_the_commands_of_hosts(run, tmp_path):
    train = ("--", "train", "mnist_cnn", "--epochs", 2)
    _, out, _ = run("launch", "--hosts", "a,b", "--port", 7000, *train)
    name, line, other, _ = out.splitlines()
    assert (name, other) == ("# a", "# b")
    assert line.startswith("TF_CONFIG='{")
    assert line.endswith("kerazoo train mnist_cnn --epochs 2")
    _, out, _ = run("launch", "--hosts", "a, b:1", "--json", *train)
    told = json.loads(out)
    assert [each["host"] for each in told] == ["a", "b:1"]
    assert told[1]["command"] == ["kerazoo", "train", "mnist_cnn", "--epochs", "2"]
    assert json.loads(told[1]["environment"]["TF_CONFIG"])["task"] == {"type": "worker", "index": 1}


def test_scripts_of_hosts_run(run, tmp_path):
    program = ("printenv", "TF_CONFIG")
    folder = tmp_path / "jobs"
    _, out, _ = run("launch", "--hosts", "a,b:1", "--output-dir", folder, "--", *program)
    assert out.splitlines() == [str(folder / "a.sh"), str(folder / "b_1.sh")]
    done = subprocess.run([folder / "b_1.sh"], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["cluster"] == {"worker": ["a:12000", "b:1"]}
