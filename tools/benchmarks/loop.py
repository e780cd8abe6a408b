"""The suite "loop": `Loop` against `fit` on the same model and data, and what checkpoints cost."""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from typing import Any

import keras

from benchmarks.half_precision import EMULATED, has_bfloat16
from benchmarks.sizes import Sizes
from benchmarks.table import Row, progress, row, unmeasured

BATCH = 128
LOOP_BAR = ">= 0.98"


def suite_loop(options: argparse.Namespace) -> list[Row]:
    """mnist_cnn, Adam with moving average, 52 MB of state; contenders in turns."""
    rows = [_against_fit("float32", options.sizes), _checkpoint("float32", options.sizes)]
    if not has_bfloat16():
        return [*rows, unmeasured("Loop, mixed_bfloat16, steps/s", EMULATED, LOOP_BAR)]
    precision = "mixed_bfloat16"
    return [*rows, _against_fit(precision, options.sizes), _checkpoint(precision, options.sizes)]


def _against_fit(precision: str, sizes: Sizes) -> Row:
    """Steps per second, whole epochs."""
    from kerazoo.training.precision import dtype_policy

    with dtype_policy(precision):
        contenders = {"fit": _fit(sizes), "Loop": _loop(sizes)}
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(sizes.rounds):
        for name, run in contenders.items():
            progress(f"loop, {precision}, round {number + 1}/{sizes.rounds}: {name}")
            times[name] += run()
    fit, loop = (sizes.loop_steps / statistics.median(times[name]) for name in ("fit", "Loop"))
    return row(f"Loop, {precision}, steps/s", loop, "model.fit", fit, loop / fit, LOOP_BAR)


def _checkpoint(precision: str, sizes: Sizes) -> Row:
    """Seconds for 50 steps that begin with a checkpoint, which is written meanwhile, and for the 50
    steps after them: within one run, since two runs differ by more than a checkpoint costs."""
    from kerazoo.training import Loop
    from kerazoo.training.precision import dtype_policy

    with dtype_policy(precision):
        model = _model()
    every = sizes.checkpoint_steps
    clock = _BlockClock(every)
    progress(f"loop, {precision}: checkpoints")
    with tempfile.TemporaryDirectory() as folder:
        loop = Loop(model, checkpoints=folder, checkpoint_every=2 * every)
        batches = _batches(6 * every * sizes.rounds)
        loop.fit(batches, epochs=1, callbacks=[clock], progress=False)
    blocks = clock.seconds[2:]  # the first two compile
    saving, without = statistics.median(blocks[::2]), statistics.median(blocks[1::2])
    what = f"{every} steps with a checkpoint, {precision}, s"
    return row(what, saving, "without", without, saving / without, "<= 1.03")


def _fit(sizes: Sizes) -> Callable[[], list[float]]:
    model, batches = _model(), _batches(sizes.loop_steps)

    def run() -> list[float]:
        clock = _EpochClock()
        model.fit(
            batches.starting_at(),
            epochs=sizes.loop_epochs,
            steps_per_epoch=sizes.loop_steps,
            verbose=0,
            callbacks=[clock],
        )
        return clock.seconds[1:]

    return run


def _loop(sizes: Sizes) -> Callable[[], list[float]]:
    from kerazoo.training import Loop

    model, batches = _model(), _batches(sizes.loop_steps)

    def run() -> list[float]:
        clock = _EpochClock()
        Loop(model).fit(batches, epochs=sizes.loop_epochs, callbacks=[clock], progress=False)
        return clock.seconds[1:]

    return run


def _model() -> keras.Model:
    import kerazoo

    model = kerazoo.get("mnist_cnn", weights=None)
    model.compile(
        keras.optimizers.Adam(use_ema=True),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    return model


def _batches(steps: int) -> Any:
    import numpy as np

    from kerazoo.datasets import Batches

    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (BATCH * steps, 28, 28, 1)).astype("uint8")
    return Batches(images, rng.integers(0, 10, len(images)), batch_size=BATCH)


class _EpochClock(keras.callbacks.Callback):
    """Seconds from the end of one epoch to the end of the next."""

    def on_train_begin(self, logs: Any = None) -> None:
        self.seconds: list[float] = []
        self.last = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self._lap()

    def _lap(self) -> None:
        now = time.perf_counter()
        self.seconds.append(now - self.last)
        self.last = now


class _BlockClock(_EpochClock):
    """Seconds of each `steps` steps; a checkpoint that is due comes after the clock's call."""

    def __init__(self, steps: int) -> None:
        super().__init__()
        self.steps = steps

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if (batch + 1) % self.steps == 0:
            self._lap()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        pass
