"""What several workers cost and gain on this machine, and what that predicts for many.

    python tools/scale.py measure [--model mnist_cnn] [--batch-size 256] [--steps 64] [--rounds 3]
    python tools/scale.py predict

`measure`: seconds per step of one, two and four workers on the same global batch, one thread each;
of one process with two threads; bytes per step on the loopback interface against the formula of a
ring all-reduce; seconds from a start to the end of the first step. The interface counts what all
programs send on it; as root, give the measurement one of its own:

    unshare --net sh -c 'ip link set lo up && python tools/scale.py measure'

`predict`: the same formulas for more workers. docs/scale.md says what they assume.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.table import Row, fact, print_rows, progress, row

WORKER = Path(__file__).with_name("scale_worker.py")
_UNCOUNTED = 8  # steps at the start: tracing, caches, connections

# A contender: number of workers (0: one process without a launcher), threads of each.
CONTENDERS = {
    "1 process, 2 threads": (0, 2),
    "1 process, 1 thread": (0, 1),
    "2 workers, 1 thread each": (2, 1),
    "4 workers, 1 thread each": (4, 1),
}

Results = dict[str, list[dict[str, Any]]]
"""Contender -> what each round measured."""


@dataclass(frozen=True)
class Network:
    """What a prediction starts from.

    Attributes:
        name: with the samples of each worker's part of a batch.
        compute: CPU seconds per step of one process with one thread, measured on 29 November 2026
            by `TF_NUM_INTRAOP_THREADS=1 python tools/scale_worker.py ...`.
        gradient_bytes: of all trainable weights, float32.
        collectives: exchanges per step: packs of gradients, one of the logs, and three for each
            synchronized BatchNormalization.
    """

    name: str
    compute: float
    gradient_bytes: float
    collectives: int


NETWORKS = (
    Network("mnist_cnn, 128 images", 0.067, 13.1e6, 2 + 1),
    Network("efficientnet_lite0, 16 images", 0.92, 18.6e6, 5 + 1 + 3 * 49),
)
_COPYING = 0.028 / 13.1e6  # seconds that a worker's CPU takes to send and receive a byte, measured
_LATENCY = 50e-6  # seconds that a message takes within a data centre, assumed


def ring_bytes(workers: int, gradient_bytes: float) -> float:
    """What each worker sends per step in a ring all-reduce: 2 (N - 1) / N times the gradient.

    Patarasuk and Yuan 2009, doi:10.1016/j.jpdc.2008.09.002.
    """
    return 2 * (workers - 1) / workers * gradient_bytes


def step_seconds(workers: int, network: Network, *, bytes_per_second: float) -> float:
    """Seconds per step of `workers`, each with the same number of samples.

    Nothing overlaps: first all gradients, then their exchange. Each collective operation waits
    2 (N - 1) times for the network. An upper bound, as far as its assumptions hold.
    """
    if workers == 1:
        return network.compute
    sent = ring_bytes(workers, network.gradient_bytes)
    waits = network.collectives * 2 * (workers - 1)
    return network.compute + sent * (_COPYING + 1 / bytes_per_second) + waits * _LATENCY


def suite_scale(options: argparse.Namespace) -> list[Row]:
    """The suite "scale" of tools/benchmark.py: mnist_cnn, global batch 256."""
    sizes, batch_size = options.sizes, 256
    training = Training("mnist_cnn", batch_size, sizes.scale_steps)
    results = measured(training, sizes.rounds, sizes.scale_contenders or tuple(CONTENDERS))
    return list(rows_of(results, batch_size))


def measure(options: argparse.Namespace) -> None:
    training = Training(options.model, options.batch_size, options.steps)
    results = measured(training, options.rounds, tuple(CONTENDERS))
    if options.json:
        Path(options.json).write_text(json.dumps(results, indent=1))
    rows = list(rows_of(results, options.batch_size))
    print_rows(f"{options.model}, global batch {options.batch_size}", rows)


@dataclass(frozen=True)
class Training:
    """What every contender trains; `batch_size` is the global one."""

    model: str
    batch_size: int
    steps: int


def measured(training: Training, rounds: int, contenders: tuple[str, ...]) -> Results:
    """Contenders, by name, in turns."""
    results: Results = {name: [] for name in contenders}
    for number in range(rounds):
        for name in contenders:
            progress(f"scale, round {number + 1}/{rounds}: {name}")
            results[name].append(_run(*CONTENDERS[name], training))
    return results


def _run(workers: int, threads: int, training: Training) -> dict[str, Any]:
    """The chief's step times and the bytes that all workers sent, and how long the start took."""
    from kerazoo import distribute

    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, str(WORKER), f"{folder}/result.json", training.model]
        command += [str(training.batch_size), str(training.steps)]
        start = time.time()
        if workers:
            with contextlib.redirect_stderr(io.StringIO()) as said:
                code = distribute.launch(command, workers=workers, threads=threads)
        else:
            environ = {**os.environ, "TF_NUM_INTRAOP_THREADS": str(threads)}
            environ["OMP_NUM_THREADS"] = str(threads)
            done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
            code, said = done.returncode, io.StringIO(done.stderr)
        if code:
            raise RuntimeError(f"A process of tools/scale.py failed:\n{said.getvalue()}")
        result = json.loads((Path(folder) / "0-result.json").read_text())
    steps = _differences(result["time"][_UNCOUNTED:])
    sent = _differences(result["bytes"][_UNCOUNTED:])
    return {
        "step": statistics.median(steps),
        "sent": statistics.median(sent),
        "first_step": result["time"][0] - start,
        "gradient_bytes": result["gradient_bytes"],
    }


def _differences(values: list[float]) -> list[float]:
    return [after - before for before, after in itertools.pairwise(values)]


def rows_of(results: Results, batch_size: int) -> Iterable[Row]:
    """The table; without the contenders that have no results, but for the two of the ratios."""

    def median(name: str, what: str) -> float:
        return statistics.median(result[what] for result in results[name])

    one = "1 process, 2 threads"
    for name in results:
        yield fact(f"step, {name}, ms", 1000 * median(name, "step"), "")
    images = {name: batch_size / median(name, "step") for name in results}
    two = "2 workers, 1 thread each"
    ratio = images[two] / images[one]
    yield row(f"images/s, {two}", images[two], one, images[one], ratio, ">= 0.75")
    for name in results:
        if workers := CONTENDERS[name][0]:
            sent, gradient = median(name, "sent"), median(name, "gradient_bytes")
            formula = workers * ring_bytes(workers, gradient)
            yield row(
                f"MB per step, {name}",
                sent / 1e6,
                "formula",
                formula / 1e6,
                sent / formula,
                "0.9 to 1.1",
            )
    start, alone = median(two, "first_step"), median(one, "first_step")
    yield row(f"s to the first step, {two}", start, one, alone, start / alone, "<= 2.5")


def predict(options: argparse.Namespace) -> None:
    """Milliseconds per step and efficiency, for each network, link and number of workers."""
    counts = (1, 8, 64, 1024)
    print("| network | link | " + " | ".join(f"{count:,}" for count in counts) + " |")
    print("|---|---|" + "---|" * len(counts))
    for network in NETWORKS:
        for gigabits in (1, 10, 100):
            times = [
                step_seconds(count, network, bytes_per_second=gigabits * 1e9 / 8)
                for count in counts
            ]
            cells = [f"{1000 * time:,.0f} ms, {network.compute / time:.0%}" for time in times]
            print(f"| {network.name} | {gigabits} Gbit/s | " + " | ".join(cells) + " |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    commands = parser.add_subparsers(required=True)
    measuring = commands.add_parser("measure")
    measuring.add_argument("--model", default="mnist_cnn")
    measuring.add_argument("--batch-size", type=int, default=256)
    measuring.add_argument("--steps", type=int, default=64)
    measuring.add_argument("--rounds", type=int, default=3)
    measuring.add_argument("--json", help="a file for all medians of all rounds")
    measuring.set_defaults(run=measure)
    predicting = commands.add_parser("predict")
    predicting.set_defaults(run=predict)
    options = parser.parse_args()
    options.run(options)


if __name__ == "__main__":
    main()
