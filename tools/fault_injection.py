"""A training by `kerazoo launch` to which something happens at a chosen step.

For tools/fault_table.py and tests/distribute/test_faults.py. Linux: processes are found in /proc.
"""

from __future__ import annotations

import csv
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

from kerazoo.distribute.heartbeat import VARIABLE, last_beat

# Small, and with all that has to be restored: dropout or batch statistics, averaged weights,
# distortions, an odd number of samples in each batch.
BUILDERS = {
    "dropout": "{builder: small_cnn, arguments: {input_shape: [28, 28, 1], num_classes: 10, "
    "filters: [4], kernel_size: 3, dense_units: 16}}",
    "statistics": "{builder: small_mobilenet, arguments: {input_shape: [28, 28, 1], "
    "num_classes: 10, stem_filters: 4, stages: [[1, 4, 1, 2]], top_filters: 8}}",
}
STEPS = 72  # 4 epochs of 18
RECIPE = """
name: faults
task: image-classification
summary: A small network for fault tests.
model: %s
data: {dataset: mnist, batch_size: 251, validation: 0.1, augment: {shift: 0.1}}
training:
  epochs: 4
  optimizer: {name: adam, learning_rate: 1.0e-3}
  loss: {name: sparse_categorical_crossentropy, from_logits: true}
  metrics: [accuracy]
  ema: 0.9
  checkpoint_every: 5
distribution: {precision: float32, xla: false, deterministic: true}
card: {license: Apache-2.0}
"""


@dataclass(frozen=True)
class Worker:
    """A running worker: process id, and the file of its heartbeat."""

    pid: int
    index: int
    beats: Path

    @property
    def attempt(self) -> int:
        """1 for those that the launcher started first, 2 after its first restart."""
        return int(self.beats.parent.name)

    @property
    def step(self) -> int:
        """Of its last beat; 0 before the first one."""
        beat = last_beat(self.beats)
        return 0 if beat is None else beat.step


def final_state(run_folder: Path) -> dict[str, np.ndarray]:
    """Of a complete run: all tensors of its last checkpoint and of its best epoch, and the values
    of its epochs but for their speed."""
    last = max((run_folder / "checkpoints").glob("*.safetensors"))
    state = {f"last {name}": value for name, value in load_file(last).items()}
    state |= {f"best {k}": v for k, v in load_file(run_folder / "best.safetensors").items()}
    with (run_folder / "history.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            del row["samples_per_second"]
            state |= {f"{row['epoch']} {name}": np.array(float(row[name])) for name in row}
    return state


def largest_difference(state: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> float:
    """Between two final states; infinite if they are not of the same make."""
    if state.keys() != expected.keys():
        return float("inf")
    return max(
        float(np.max(np.abs(state[name].astype("float64") - value.astype("float64")), initial=0.0))
        for name, value in expected.items()
    )


class Training:
    """`kerazoo launch` with two workers that train RECIPE, and what it said.

    Args:
        folder: for the recipe, the run in "run", and what is said.
        options: of `kerazoo launch`.
        network: a key of BUILDERS.
        program: that runs a kerazoo command line instead of kerazoo itself.
    """

    def __init__(
        self,
        folder: Path,
        *options: str,
        network: str = "dropout",
        program: Sequence[str] = (),
    ):
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.run_folder = folder, folder / "run"
        (folder / "faults.yaml").write_text(RECIPE % BUILDERS[network])
        command = [sys.executable, "-m", "kerazoo.cli.main", "launch", *options, "--"]
        command += [*program, "train", "faults.yaml", "--output-dir", "run"]
        self.log = (folder / "log").open("wb")
        self.process = subprocess.Popen(
            command,
            cwd=folder,
            # Without data packs `mnist` is the same 5,000 images everywhere: 18 steps per epoch.
            env={
                **os.environ,
                "KERAZOO_DATA": "",
                "KERAZOO_CACHE": str(folder / "cache"),
                "KERAZOO_OFFLINE": "1",
            },
            stdout=self.log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self.pids: set[int] = set()

    def workers(self) -> list[Worker]:
        """Those that run, in the order of their indices. Their process ids are remembered."""
        found = []
        for path in Path("/proc").glob("[0-9]*"):
            try:
                parent = int((path / "stat").read_text().rpartition(")")[2].split()[1])
                if parent != self.process.pid:
                    continue
                variables = (path / "environ").read_bytes().split(b"\0")
            except (FileNotFoundError, ProcessLookupError):
                continue
            for variable in variables:
                name, _, value = variable.decode(errors="replace").partition("=")
                if name == VARIABLE:
                    found.append(Worker(int(path.name), int(Path(value).name), Path(value)))
        self.pids |= {worker.pid for worker in found}
        return sorted(found, key=lambda worker: worker.index)

    def wait_for_step(self, step: int, *, attempt: int = 1, seconds: float = 300) -> list[Worker]:
        """The workers of an attempt, once all are there and the first one has come to `step`."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            workers = [worker for worker in self.workers() if worker.attempt == attempt]
            if len(workers) > 1 and workers[0].step >= step:
                return workers
            if self.process.poll() is not None:
                break
            time.sleep(0.01)
        raise RuntimeError(f"The training did not come to step {step}: {self.said()[-2000:]}")

    def finish(self, *, seconds: float = 300) -> int:
        """The launcher's exit code."""
        return self.process.wait(seconds)

    def said(self) -> str:
        """All that the launcher and the workers printed."""
        return (self.folder / "log").read_text(errors="replace")

    def events(self) -> list[str]:
        """The launcher's own lines."""
        return [line for line in self.said().splitlines() if line.startswith("[launch]")]

    def orphans(self) -> list[int]:
        """Process ids of workers that were seen and still run, two seconds from now."""
        until = time.monotonic() + 2
        while (left := [pid for pid in self.pids if _runs(pid)]) and time.monotonic() < until:
            time.sleep(0.05)
        return left

    def close(self) -> None:
        """End it, if it runs, and what it started."""
        self.process.kill()
        self.process.wait()
        self.log.close()


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
