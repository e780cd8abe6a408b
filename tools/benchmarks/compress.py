"""The suite "compress": a training step of mnist_cnn while it is quantized, pruned or clustered.

Batch 128, Adam, real images. Float and compressed models take turns in one process, each round in
another order, an epoch of 40 steps a turn; the first, which compiles, is not counted. Seconds are
those of a step in the fastest turn, ratios those of the fastest turns: on shared machines turns
fall into a fast and a slow mode (38 and 64 ms were seen), whatever the model, and a median would
compare modes. tfmot does the same in a process of the Python that `--tfmot-python` names, against
its own float step.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.process import answer_of
from benchmarks.sizes import Sizes
from benchmarks.table import NotMeasured, Row, progress, row, unmeasured

BATCH = 128
CLUSTERS, SPARSITY = 16, 0.8
BARS = {"qat": "<= 1.20", "prune": "<= 1.03", "cluster": "<= 1.5"}

Times = dict[str, list[float]]


def suite_compress(options: argparse.Namespace) -> list[Row]:
    """Seconds of a step, ours and tfmot's, and their ratios to the float step beside them."""
    import kerazoo

    sizes: Sizes = options.sizes
    samples = sizes.compress_steps * BATCH
    x, y = kerazoo.datasets.load_numpy("mnist", "train")
    if len(x) < samples:
        raise NotMeasured("needs MNIST's training images: set KERAZOO_DATA")
    x, y = x[:samples], y[:samples]
    rows = _against_float("kerazoo", _ours(x, y, sizes.short_rounds), sizes, BARS)
    if not options.tfmot_python:
        return [*rows, unmeasured("tfmot: steps", "name a Python by --tfmot-python", "")]
    times = _tfmots(options.tfmot_python, x, y, sizes.short_rounds)
    return rows + _against_float("tfmot", times, sizes, dict.fromkeys(BARS, ""))


def _against_float(who: str, times: Times, sizes: Sizes, bars: dict[str, str]) -> list[Row]:
    steps = {name: min(values) / sizes.compress_steps for name, values in times.items()}
    return [
        row(
            f"{who}: step, {name}, seconds",
            steps[name],
            "float step",
            steps["float"],
            steps[name] / steps["float"],
            bar,
        )
        for name, bar in bars.items()
    ]


def _ours(x: Any, y: Any, rounds: int) -> Times:
    import keras

    models = _models()
    for model in models.values():
        model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    times: Times = {name: [] for name in models}
    for number in range(rounds + 1):
        progress(f"compress, round {number}/{rounds}")
        order = list(models.items())
        first = number % len(order)
        for name, model in order[first:] + order[:first]:
            start = time.perf_counter()
            model.fit(x, y, batch_size=BATCH, shuffle=False, verbose=0)
            if number:
                times[name].append(time.perf_counter() - start)
    return times


def _models() -> dict[str, Any]:
    import kerazoo
    from kerazoo import compress

    model = kerazoo.get("mnist_cnn", weights=None)
    schedule = compress.PolynomialDecay(0.0, SPARSITY, begin_step=0, end_step=10_000)
    return {
        "float": model,
        "qat": compress.quantize_aware(model),
        "prune": compress.prune(model, schedule=schedule),
        "cluster": compress.cluster(model, clusters=CLUSTERS),
    }


def _tfmots(python: str, x: Any, y: Any, rounds: int) -> Times:
    import numpy as np

    progress("compress: tfmot")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "data.npz"
        np.savez(file, x=x, y=y)
        return answer_of(python, "compress_tfmot", file, rounds)
