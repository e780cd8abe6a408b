"""The workers of one attempt: watched until all are done or something is wrong, then ended."""

from __future__ import annotations

import time
from dataclasses import dataclass

from kerazoo.distribute.heartbeat import Beat
from kerazoo.distribute.stop_signals import StopSignals
from kerazoo.distribute.worker_process import (
    LOST_A_WORKER,
    WRONG_CALL,
    WorkerProcess,
    shell_code,
    signal_name,
)

_LOOK_EVERY = 0.05  # seconds
_CAUSE_WITHIN = 2.0  # seconds to see who was lost, once a worker says that it lost one


@dataclass(frozen=True)
class Outcome:
    """How an attempt came out: in words ("" if all went well), as the exit code of a shell, and
    whether another attempt may come out better."""

    what: str
    code: int
    worth_a_restart: bool = False


class Crew:
    """Workers that train together.

    Args:
        stop: of the launcher.
        progress_timeout: seconds after which they hang if none has advanced; None for never.
        beats_at_once: this counts from the start, not from the first sign of life.

    Attributes:
        workers: those that were started.
    """

    def __init__(self, *, stop: StopSignals, progress_timeout: float | None, beats_at_once: bool):
        self.workers: list[WorkerProcess] = []
        self.stop, self.progress_timeout = stop, progress_timeout
        self.newest: list[Beat | None] = []
        self.advanced_at = time.monotonic() if beats_at_once else None

    def watch(self) -> Outcome:
        """Until all are done, one has failed, all hang, or somebody asks to stop."""
        while True:
            if self._failed():
                return self._failure()
            if self.stop.came:
                number = self.stop.came[0]
                return Outcome(f"stopped by {signal_name(number)}", 128 + number)
            if not self._running():
                return Outcome("", 0)
            if self._hang():
                return Outcome(self._where_they_hang(), LOST_A_WORKER, worth_a_restart=True)
            time.sleep(_LOOK_EVERY)

    def end(self, number: int, *, seconds: float) -> list[WorkerProcess]:
        """Send `number` to those that still run; kill those that it did not end, and give them.

        There are `seconds` to end in, unless the launcher is asked to stop (once more) meanwhile.
        """
        for worker in self._running():
            worker.send(number)
        until, asked = time.monotonic() + seconds, len(self.stop.came)
        while self._running() and time.monotonic() < until and len(self.stop.came) == asked:
            time.sleep(_LOOK_EVERY)
        left = self._running()
        for worker in self.workers:
            worker.clear_away()
        return left

    def _running(self) -> list[WorkerProcess]:
        return [worker for worker in self.workers if worker.exit_code() is None]

    def _failed(self) -> list[WorkerProcess]:
        return [worker for worker in self.workers if worker.exit_code()]

    def _failure(self) -> Outcome:
        """Who failed first is to blame, but not who failed because it lost another worker."""
        until = time.monotonic() + _CAUSE_WITHIN
        while not (causes := [w for w in self._failed() if w.exit_code() != LOST_A_WORKER]):
            if time.monotonic() > until or not self._running():
                break
            time.sleep(_LOOK_EVERY)
        first = (causes or self._failed())[0]
        code = shell_code(first.exit_code() or 0)
        return Outcome(first.how_it_ended(), code, worth_a_restart=code != WRONG_CALL)

    def _hang(self) -> bool:
        before, self.newest = self.newest, [worker.last_beat() for worker in self.workers]
        if any(self.newest) and self.newest != before:
            self.advanced_at = time.monotonic()
        if self.progress_timeout is None or self.advanced_at is None:
            return False
        return time.monotonic() - self.advanced_at > self.progress_timeout

    def _where_they_hang(self) -> str:
        steps = [
            "in no step yet" if beat is None else f"step {beat.step:,}" for beat in self.newest
        ]
        where = ", ".join(f"{w.name}: {step}" for w, step in zip(self.workers, steps, strict=True))
        return f"no worker advanced for {self.progress_timeout:g} s ({where})"
