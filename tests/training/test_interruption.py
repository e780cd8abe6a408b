"""`StopRequest`: what a process does that was asked to stop, and has saved."""

import shutil
import subprocess
import sys

import pytest

STOPPED = """
import os, signal, time
from kerazoo.training.interruption import StopRequest
{before}
stop = StopRequest()
with stop.listening():
    os.kill(os.getpid(), signal.SIGTERM)
    while not stop.asked:
        time.sleep(0.01)
stop.pass_on()
print("goes on")
"""
NOTES = "signal.signal(signal.SIGTERM, lambda *_: None)"
AS_THE_FIRST = ["unshare", "--user", "--map-root-user", "--pid", "--fork"]


def stopped(before="", prefix=()):
    """Exit code and output of a process that got SIGTERM."""
    command = [*prefix, sys.executable, "-c", STOPPED.format(before=before)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert not done.stderr
    return done.returncode, done.stdout


def test_the_signal_ends_a_process_without_a_handler():
    assert stopped() == (-15, "")
    assert stopped(NOTES) == (0, "goes on\n")


def test_the_first_process_of_a_container_ends_too():
    if (
        not shutil.which("unshare")
        or subprocess.run([*AS_THE_FIRST, "true"], check=False).returncode
    ):
        pytest.skip("needs process namespaces (unshare)")
    assert stopped(prefix=AS_THE_FIRST) == (143, "")
    assert stopped(NOTES, prefix=AS_THE_FIRST) == (0, "goes on\n")
