"""Commands for several hosts, run by a shell."""

import json
import subprocess
import sys

import pytest

from kerazoo.distribute import cluster_from_environment, host_commands
from kerazoo.errors import ConfigError


def test_a_shell_that_runs_a_line_sees_its_cluster_and_arguments():
    code = "import os, sys; print(os.environ['TF_CONFIG']); print(sys.argv[1])"
    argument = "it's $HOME & more"
    commands = host_commands(
        [sys.executable, "-c", code, argument], ["a", "b:7000", "[::1]", "fd00::7"]
    )
    for index, each in enumerate(commands):
        done = subprocess.run(["sh", "-c", each.line], capture_output=True, text=True, check=True)
        config, said = done.stdout.splitlines()
        assert said == argument
        cluster = cluster_from_environment({"TF_CONFIG": config})
        assert cluster.workers == ("a:12000", "b:7000", "[::1]:12000", "[fd00::7]:12000")
        assert cluster.index == index
        assert json.loads(each.environment["TF_CONFIG"])["task"]["type"] == "worker"


def test_a_kerazoo_command_is_one():
    (command,) = host_commands(["train", "mnist_cnn"], ["a"], port=99)
    assert command.command == ["kerazoo", "train", "mnist_cnn"]
    assert command.host == "a"
    assert "a:99" in command.line


@pytest.mark.parametrize(
    ("argv", "hosts", "port", "message"),
    [
        (["train"], ["a", "a"], 1, "Twice: 'a:1'"),
        (["train"], ["a", ""], 1, "'host:port'. Received: ':1'"),
        (["train"], ["a"], 70_000, "'host:port'. Received: 'a:70000'"),
        (["train"], [], 1, "no hosts"),
        ([], ["a"], 1, "no command"),
    ],
)
def test_one_line_for_what_is_wrong(argv, hosts, port, message):
    with pytest.raises(ConfigError, match=message):
        host_commands(argv, hosts, port=port)
