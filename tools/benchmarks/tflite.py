"""The suite "tflite": size, speed and, on all test images, the numbers of mnist_cnn's files."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.bursts import median_seconds
from benchmarks.sizes import Sizes
from benchmarks.table import Row, fact, progress, row


def suite_tflite(options: argparse.Namespace) -> list[Row]:
    """The published weights in Keras, in a float32 and in an int8 file."""
    import numpy as np

    import kerazoo

    x, y = kerazoo.datasets.load_numpy("mnist", "test")
    x, y = x[: options.sizes.test_images], y[: options.sizes.test_images]
    model = kerazoo.get("mnist_cnn")
    with tempfile.TemporaryDirectory() as folder:
        paths = {mode: Path(folder) / f"{mode}.tflite" for mode in ("float32", "int8")}
        progress("tflite: export")
        float32 = kerazoo.export(model, paths["float32"])
        int8 = kerazoo.export(model, paths["int8"], quantize="int8")
        progress("tflite: one image")
        latencies = _latency_rows(model, paths, x[:1], options.sizes)
        progress("tflite: all test images")
        logits = {mode: kerazoo.load_tflite(path).predict(x) for mode, path in paths.items()}
    keras_logits = model.predict(x, batch_size=256, verbose=0)
    classes = keras_logits.argmax(1)
    same = int((logits["float32"].argmax(1) == classes).sum())
    error = float(np.abs(logits["float32"] - keras_logits).max())
    sizes = int8.size_bytes / float32.size_bytes
    accuracy = float((logits["int8"].argmax(1) == y).mean())
    return [
        fact("Keras accuracy, test images", float((classes == y).mean()), ">= 0.995"),
        fact("int8 file accuracy, test images", accuracy, ">= 0.9945"),
        row("int8 file, bytes", int8.size_bytes, "float32", float32.size_bytes, sizes, "<= 0.26"),
        fact("int8 file, every operator integer", int8.integer_only, "= True"),
        fact("float32 file, images with Keras's class", same, f"= {len(x)}"),
        fact("float32 file, largest logit error", error, "<= 1e-3"),
        *latencies,
    ]


def _latency_rows(model: Any, paths: dict[str, Path], image: Any, sizes: Sizes) -> list[Row]:
    """One image at a time, pair by pair."""
    import kerazoo

    one_thread = {mode: kerazoo.load_tflite(path, threads=1) for mode, path in paths.items()}
    times = _microseconds(
        {mode: lambda file=file: file(image) for mode, file in one_thread.items()}, sizes
    )
    one, eight = times["float32"], times["int8"]
    rows = [row("int8, 1 image, 1 thread, us", eight, "float32 file", one, eight / one, "<= 0.5")]
    for mode, path in paths.items():
        file = kerazoo.load_tflite(path)
        pair = {
            "file": lambda file=file: file(image),
            "keras": lambda: model.predict_on_batch(image),
        }
        times = _microseconds(pair, sizes)
        mine, peer = times["file"], times["keras"]
        what = f"load_tflite call, {mode}, 1 image, us"
        rows.append(row(what, mine, "predict_on_batch", peer, peer / mine, ">= 4"))
    return rows


def _microseconds(contenders: dict[str, Callable[[], Any]], sizes: Sizes) -> dict[str, float]:
    seconds = median_seconds(contenders, sizes, turns=sizes.bursts * sizes.rounds)
    return {name: 1e6 * value for name, value in seconds.items()}
