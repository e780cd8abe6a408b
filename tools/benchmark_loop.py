"""The suite "loop": `Loop` against `fit` on the same model and data, and what checkpoints cost."""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmark_table import Row, progress, row

BATCH, STEPS, EPOCHS = 128, 150, 3  # the first epoch of each run is not counted
EVERY = 50  # steps between two checkpoints; the last one of an epoch is at its end


def suite_loop(options: argparse.Namespace) -> list[Row]:
    """Steps per second of mnist_cnn (Adam, moving average, 52 MB of state), contenders in turns."""
    return [
        result
        for precision in ("float32", "mixed_bfloat16")
        for result in _rows(precision, options.rounds)
    ]


def _rows(precision: str, rounds: int) -> list[Row]:
    from kerazoo.training.precision import dtype_policy

    with dtype_policy(precision):
        contenders = {"fit": _fit(), "Loop": _loop(None), "checkpoints": _loop(EVERY)}
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(rounds):
        for name, run in contenders.items():
            progress(f"loop, {precision}, round {number + 1}/{rounds}: {name}")
            times[name] += run()
    speed = {name: STEPS / statistics.median(values) for name, values in times.items()}
    fit, loop, saving = speed["fit"], speed["Loop"], speed["checkpoints"]
    return [
        row(f"Loop, {precision}, steps/s", loop, "model.fit", fit, loop / fit, ">= 0.98"),
        row(
            f"checkpoint every {EVERY} steps, {precision}, steps/s",
            saving,
            "without",
            loop,
            saving / loop,
            ">= 0.97",
        ),
    ]


def _fit() -> Callable[[], list[float]]:
    model, batches = _model(), _batches()

    def run() -> list[float]:
        clock = _clock()
        model.fit(
            batches.starting_at(),
            epochs=EPOCHS,
            steps_per_epoch=STEPS,
            verbose=0,
            callbacks=[clock],
        )
        return clock.seconds[1:]

    return run


def _loop(every: int | None) -> Callable[[], list[float]]:
    from kerazoo.training import Loop

    model, batches = _model(), _batches()

    def run() -> list[float]:
        clock = _clock()
        with tempfile.TemporaryDirectory() as folder:
            checkpoints = None if every is None else Path(folder)
            loop = Loop(model, checkpoints=checkpoints, checkpoint_every=every)
            loop.fit(batches, epochs=EPOCHS, callbacks=[clock], progress=False)
        return clock.seconds[1:]

    return run


def _model() -> Any:
    import keras

    import kerazoo

    model = kerazoo.get("mnist_cnn", weights=None)
    model.compile(
        keras.optimizers.Adam(use_ema=True),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    return model


def _batches() -> Any:
    import numpy as np

    from kerazoo.datasets import Batches

    rng = np.random.default_rng(0)
    count = BATCH * STEPS
    images = rng.integers(0, 256, (count, 28, 28, 1)).astype("uint8")
    return Batches(images, rng.integers(0, 10, count), batch_size=BATCH)


def _clock() -> Any:
    """Seconds from the end of one epoch to the end of the next: its checkpoint is counted."""
    import keras

    class Clock(keras.callbacks.Callback):
        def on_train_begin(self, logs: Any = None) -> None:
            self.seconds: list[float] = []
            self.last = time.perf_counter()

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            now = time.perf_counter()
            self.seconds.append(now - self.last)
            self.last = now

    return Clock()
