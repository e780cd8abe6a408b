"""One worker of a launch: a process group of its own, its output, its signs of life, its end."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from kerazoo.distribute import heartbeat
from kerazoo.distribute.worker_output import WorkerOutput
from kerazoo.errors import RunError

LOST_A_WORKER = 75  # EX_TEMPFAIL: what a worker ends with when another one is gone
WRONG_CALL = 2  # what an error ends with that would come again


class WorkerProcess:
    """A started worker.

    Args:
        command: program and arguments.
        index: of the worker, 0 or above.
        environment: all of it.
        beats: the file that its heartbeat goes to; not there yet.
        out, err: take whole lines of what it prints.

    Raises:
        RunError: the program cannot be started.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        index: int,
        environment: Mapping[str, str],
        beats: Path,
        out: Callable[[str], None],
        err: Callable[[str], None],
    ):
        self.index, self.beats = index, beats
        try:
            self.process = subprocess.Popen(
                command,
                env={**environment, heartbeat.VARIABLE: str(beats)},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,  # its children end with it; Ctrl-C comes by the launcher
            )
        except OSError as error:
            raise RunError(f"{command[0]!r} cannot be started: {error.strerror}.") from error
        self.group = self.process.pid
        pipes = ((self.process.stdout, out), (self.process.stderr, err))
        self.output = [WorkerOutput(pipe, self.name, write) for pipe, write in pipes if pipe]

    @property
    def name(self) -> str:
        """As its lines and the launcher's call it."""
        return f"worker {self.index}"

    def exit_code(self) -> int | None:
        """As `subprocess` has it (minus the signal that killed it); None while it runs."""
        return self.process.poll()

    def last_beat(self) -> heartbeat.Beat | None:
        """Its newest sign of life."""
        return heartbeat.last_beat(self.beats)

    def how_it_ended(self) -> str:
        """In words, with the step that it came to."""
        beat = self.last_beat()
        where = "" if beat is None else f" after step {beat.step:,}"
        return f"{self.name} {_ending(self.process.returncode)}{where}"

    def send(self, number: int) -> None:
        """A signal to its whole group; a group that was stopped goes on, so that it can act."""
        with contextlib.suppress(ProcessLookupError, PermissionError):  # the latter on macOS
            os.killpg(self.group, number)
            os.killpg(self.group, signal.SIGCONT)

    def clear_away(self) -> None:
        """Kill what is left of the group, and pass on the last lines."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.group, signal.SIGKILL)
        self.process.wait()
        for output in self.output:
            output.finish(2)


def shell_code(code: int) -> int:
    """An exit code as a shell has it: 128 and the signal for who was killed by one."""
    return code if code >= 0 else 128 - code


def _ending(code: int) -> str:
    if code < 0:
        return f"was ended by {signal_name(-code)}"
    meaning = {
        LOST_A_WORKER: " (it lost another worker)",
        WRONG_CALL: " (an error that would come again)",
    }
    return f"ended with exit code {code}{meaning.get(code, '')}"


def signal_name(number: int) -> str:
    """Such as "SIGKILL"."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"  # a real-time one
