"""`launch`: several workers on this machine, ended and restarted together."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kerazoo.argument_checks import check_integer, check_number
from kerazoo.distribute.crew import Crew, Outcome
from kerazoo.distribute.free_ports import reserved_ports
from kerazoo.distribute.guardian import guarding
from kerazoo.distribute.stop_signals import StopSignals
from kerazoo.distribute.worker_environment import fair_threads, share_gpus, worker_environment
from kerazoo.distribute.worker_output import line_writer
from kerazoo.distribute.worker_process import WorkerProcess
from kerazoo.errors import RunError, unknown_name

KERAZOO_COMMANDS = (
    *("list", "info", "train", "fine-tune", "distill", "quantize", "prune", "cluster", "evaluate"),
    *("predict", "export", "convert", "benchmark", "graph", "profile", "verify", "launch"),
    *("doctor", "demo"),
)
# They beat in each step, and so soon after their start; the others do later, or never.
_BEATING_COMMANDS = ("train", "fine-tune", "distill", "prune", "cluster")
_END_WITHIN = 10.0  # seconds that the other workers have, once one has failed


def launch(
    argv: Sequence[str],
    *,
    workers: int = 2,
    devices_per_worker: int | None = None,
    restarts: int = 0,
    progress_timeout: float | None = 600.0,
    stop_timeout: float = 30.0,
    threads: int | None = None,
) -> int:
    """Run a command in several processes on this machine that train one model together.

    Each finds the others by TF_CONFIG, so that `kerazoo.distribute.strategy("auto")` in it is
    "multi_worker". Its lines are printed with "[worker 0] " and so on in front; what happens to the
    workers is said on stderr, after "[launch] ". When one fails, all are ended: by SIGTERM, and by
    SIGKILL after 10 s. Nothing that they started stays behind, even when the launcher is killed.

    Ctrl-C, SIGTERM and SIGHUP are passed on to the workers, which save and end; a second one kills
    them.

    Args:
        argv: a kerazoo command line, such as `["train", "mnist_cnn"]`, or any other program and its
            arguments, such as `["python", "my_training.py"]`.
        workers: processes, 1 or more.
        devices_per_worker: GPUs for each, 1 or more; None shares out those of the machine, or of
            CUDA_VISIBLE_DEVICES.
        restarts: how many times all are started again after one failed or all hung; 0 or more.
            `kerazoo train` goes on from its last checkpoint. Exit code 2, an error that would come
            again, gets none.
        progress_timeout: seconds without a `kerazoo.distribute.beat` of any worker after which all
            are taken to hang; above 0, or None for never. `train`, `fine-tune`, `distill`, `prune`
            and `cluster` are watched from the start, all else from its first beat on.
        stop_timeout: seconds that workers have to save and end when the launcher is asked to stop.
        threads: of each worker, for TensorFlow's operations; None shares the cores out.

    Returns: 0; the exit code of the worker that failed first, 128 and the signal if one killed it;
        75 if all hung; 128 and the signal if the launcher was asked to stop.

    Raises:
        ConfigError: a number is out of range.
        UnknownNameError: there is no such command.
        DataError: there are too few GPUs.
        RunError: a process cannot be started, or the system is neither Linux nor macOS.

    >>> import sys, kerazoo
    >>> command = [sys.executable, "-c", "print('hello')"]
    >>> kerazoo.distribute.launch(command, workers=1)
    [worker 0] hello
    0
    """
    check_integer("workers", workers)
    check_integer("restarts", restarts, least=0)
    check_number("stop_timeout", stop_timeout, least=0)
    if progress_timeout is not None:
        check_number("progress_timeout", progress_timeout, above=0)
    for name, value in (("threads", threads), ("devices_per_worker", devices_per_worker)):
        if value is not None:
            check_integer(name, value)
    if os.name != "posix":
        raise RunError("`launch` needs Linux or macOS: it works with their process groups.")
    lock = threading.Lock()
    job = _Job(
        command=full_command(argv),
        beats_at_once=argv[0] in _BEATING_COMMANDS,
        gpus=share_gpus(os.environ, workers=workers, each=devices_per_worker),
        threads=threads or fair_threads(workers),
        progress_timeout=progress_timeout,
        stop_timeout=stop_timeout,
        out=line_writer(sys.stdout, lock),
        err=line_writer(sys.stderr, lock),
    )
    with job.stop.listening():
        return job.run(restarts)


def full_command(argv: Sequence[str], *, python: str = sys.executable) -> list[str]:
    """The program to run for `argv`, and its arguments.

    Raises:
        UnknownNameError: the first word is neither a kerazoo command nor a program.
    """
    first = argv[0] if argv else ""
    if first in KERAZOO_COMMANDS:
        return [python, "-m", "kerazoo.cli.main", *argv]
    if shutil.which(first):
        return list(argv)
    raise unknown_name("command or program", first, KERAZOO_COMMANDS)


@dataclass(frozen=True)
class _Job:
    """What all attempts have in common."""

    command: list[str]
    beats_at_once: bool
    gpus: list[str] | list[None]
    threads: int
    progress_timeout: float | None
    stop_timeout: float
    out: Callable[[str], None]
    err: Callable[[str], None]
    stop: StopSignals = field(default_factory=StopSignals)

    def run(self, restarts: int) -> int:
        """One attempt, and up to `restarts` more; the exit code."""
        with tempfile.TemporaryDirectory(prefix="kerazoo-launch-") as folder, guarding() as tell:
            for number in range(1, restarts + 2):
                beats = Path(folder) / str(
                    number
                )  # what an earlier attempt left is no sign of life
                beats.mkdir()
                again = f"restart {number} of {restarts}" if number <= restarts else None
                outcome = self._attempt(beats, tell, again)
                if self.stop.came:
                    return 128 + self.stop.came[0]
                if not outcome.worth_a_restart:
                    break
        return outcome.code

    def _attempt(self, beats: Path, tell: Callable[[str], None], again: str | None) -> Outcome:
        with reserved_ports(len(self.gpus)) as ports, self._crew(ports, beats, tell) as crew:
            outcome = crew.watch()
            number, seconds = int(signal.SIGTERM), _END_WITHIN
            if self.stop.came:
                number, seconds = self.stop.came[0], self.stop_timeout
                follows = f"the workers have {seconds:g} s to save and end; once more kills them"
            elif outcome.worth_a_restart and again:
                follows = f"all start again from the last checkpoint ({again})"
            else:
                follows = f"all are ended, with exit code {outcome.code}"
            if outcome.what:
                self._say(f"{outcome.what}; {follows}.")
            for worker in crew.end(number, seconds=seconds):
                self._say(f"{worker.name} did not end and was killed.")
        return outcome

    @contextlib.contextmanager
    def _crew(
        self, ports: Sequence[int], beats: Path, tell: Callable[[str], None]
    ) -> Iterator[Crew]:
        """Started workers, of whom nothing is left at the end, whatever comes between."""
        crew = Crew(
            stop=self.stop,
            progress_timeout=self.progress_timeout,
            beats_at_once=self.beats_at_once,
        )
        try:
            for index, gpus in enumerate(self.gpus):
                worker = WorkerProcess(
                    self.command,
                    index=index,
                    environment=worker_environment(
                        os.environ, ports=ports, index=index, threads=self.threads, gpus=gpus
                    ),
                    beats=beats / str(index),
                    out=self.out,
                    err=self.err,
                )
                tell(f"+{worker.group}")
                crew.workers.append(worker)
            yield crew
        finally:
            crew.end(signal.SIGKILL, seconds=_END_WITHIN)
            for worker in crew.workers:
                tell(f"-{worker.group}")

    def _say(self, text: str) -> None:
        self.err(f"[launch] {text}\n")
