"""The suite "hub": a fine-tuning step of HubLayer against `hub.KerasLayer` in Keras 2.

The same SavedModel (a small convolution net of Keras 2, made for this) under the same head, batch
32, Adam, the same data. Each side is a process of its own, since tensorflow_hub takes Keras 2 for
the whole process. The two take turns, one trains while the other waits, each round in another
order; the first, which compiles, is not counted. Steps a second are medians, the ratio is the
median of the rounds' ratios.
"""

from __future__ import annotations

import argparse
import importlib.util
import statistics
import subprocess
import sys
import tempfile

from benchmarks.process import command_of, environment_of
from benchmarks.table import NotMeasured, Row, fact, progress, row

BATCH, SIZE = 32, 48
BAR = ">= 0.95"
PEER = "hub.KerasLayer"


def suite_hub(options: argparse.Namespace) -> list[Row]:
    """Steps a second of fine-tuning, ours and tensorflow_hub's, and the largest gap of losses."""
    if not all(map(importlib.util.find_spec, ("tensorflow_hub", "tf_keras"))):
        raise NotMeasured("pip install 'kerazoo[hub]'")
    steps, rounds = options.sizes.hub_steps, options.sizes.short_rounds
    with tempfile.TemporaryDirectory() as folder:
        command = command_of(sys.executable, "hub_side", "make", folder, steps)
        subprocess.run(command, check=True, capture_output=True, env=environment_of())
        sides = {name: _Side(name, folder, steps) for name in ("kerazoo", "peer")}
        losses = {name: side.train()[1] for name, side in sides.items()}
        times: dict[str, list[float]] = {name: [] for name in sides}
        for number in range(rounds):
            progress(f"hub, round {number + 1}/{rounds}")
            for name in list(sides)[:: 1 if number % 2 else -1]:
                times[name].append(sides[name].train()[0])
        for side in sides.values():
            side.close()
    speeds = {name: steps / statistics.median(values) for name, values in times.items()}
    ratio = statistics.median(
        peer / own for own, peer in zip(times["kerazoo"], times["peer"], strict=True)
    )
    gap = max(abs(a - b) for a, b in zip(*losses.values(), strict=True))
    return [
        row("fine-tuning, steps a second", speeds["kerazoo"], PEER, speeds["peer"], ratio, BAR),
        fact(f"largest gap of losses, {steps} steps", gap, "<= 1e-5"),
    ]


class _Side:
    """A process that trains `steps` steps whenever it is asked to."""

    def __init__(self, name: str, folder: str, steps: int) -> None:
        self._process = subprocess.Popen(
            command_of(sys.executable, "hub_side", name, folder, steps),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment_of(),
            text=True,
        )

    def train(self) -> tuple[float, list[float]]:
        """Seconds, and the loss of each step."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("train\n")
        self._process.stdin.flush()
        words = self._process.stdout.readline().split()
        if not words:
            raise RuntimeError("A side of the suite 'hub' failed; what it said stands above.")
        seconds, *losses = map(float, words)
        return seconds, losses

    def close(self) -> None:
        self._process.communicate()
