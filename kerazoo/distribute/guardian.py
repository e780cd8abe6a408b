"""Ends the workers of a launcher that was killed: a process beside it, which has its pipe in hand.

Run as a script, with nothing but Python's library. It reads lines "+GROUP" and "-GROUP" from stdin:
process groups that began and ended. When the other end of the pipe is gone, so is the launcher,
however it died: the groups that are left get SIGTERM, and SIGKILL after ten seconds.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def guarding() -> Iterator[Callable[[str], None]]:
    """Start a guardian; gives the function that sends it a line. All groups are gone at the end."""
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", __file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,  # not the launcher's, which its reader waits for
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    assert process.stdin is not None

    def tell(line: str) -> None:
        # Who killed the guardian takes the workers in hand too, if at all: training goes on.
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(f"{line}\n".encode())  # type: ignore[union-attr]
            process.stdin.flush()  # type: ignore[union-attr]

    try:
        yield tell
    finally:
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
        process.wait()


def watch() -> None:
    """Until stdin ends; then end what is left."""
    groups: set[int] = set()
    for line in sys.stdin.buffer:
        change = groups.add if line.startswith(b"+") else groups.discard
        change(int(line[1:]))
    for number in (signal.SIGTERM, signal.SIGCONT):  # a stopped process acts when it goes on
        for group in groups:
            _send(group, number)
    until = time.monotonic() + 10
    while time.monotonic() < until and any(_send(group, 0) for group in groups):
        time.sleep(0.1)
    for group in groups:
        _send(group, signal.SIGKILL)


def _send(group: int, number: int) -> bool:
    """Whether there was anyone in the group to send the signal to."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
        return True
    return False


if __name__ == "__main__":
    watch()
