#!/usr/bin/env python
"""Measure kerazoo against what a user would run instead; both sides in one run, as ratios.

    python tools/benchmark.py import train tflite loop metrics distill compress hub
                              [--rounds 3] [--json] [--torch-python PYTHON] [--tfmot-python PYTHON]

Contenders take turns, so that a slow moment of the machine hits them all. Figures are medians over
all rounds. PyTorch and tfmot are measured where a Python that has them is named.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmark_compress import suite_compress
from benchmark_distill import suite_distill
from benchmark_hub import suite_hub
from benchmark_loop import suite_loop
from benchmark_metrics import suite_metrics
from benchmark_table import Row, fact, print_rows, progress, row
from benchmark_training import suite_train


def suite_import(options: argparse.Namespace) -> list[Row]:
    """Whole processes: `import kerazoo; kerazoo.list_models()` against `import keras`."""
    ours = "import kerazoo; kerazoo.list_models()"
    times: dict[str, list[float]] = {ours: [], "import keras": []}
    for command in times:
        _seconds([sys.executable, "-c", command])  # fills the file cache
    for _ in range(options.rounds):
        for command, values in times.items():
            values.append(_seconds([sys.executable, "-c", command]))
    loaded = subprocess.run(
        [
            sys.executable,
            "-c",
            f"{ours}; import sys; print({{'keras', 'tensorflow'}} & {{*sys.modules}})",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    mine, peer = (statistics.median(values) for values in times.values())
    return [
        row("import and list, seconds", mine, "import keras", peer, mine / peer, "<= 0.08"),
        fact("of keras and tensorflow, it loads", loaded.stdout.strip(), "set()"),
    ]


def _seconds(command: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - start


def suite_tflite(options: argparse.Namespace) -> list[Row]:
    """Published mnist_cnn: size, speed and, on all test images, the numbers of its files."""
    import numpy as np

    import kerazoo

    model = kerazoo.get("mnist_cnn")
    x, y = kerazoo.datasets.load_numpy("mnist", "test")
    with tempfile.TemporaryDirectory() as folder:
        paths = {mode: Path(folder) / f"{mode}.tflite" for mode in ("float32", "int8")}
        float32 = kerazoo.export(model, paths["float32"])
        int8 = kerazoo.export(model, paths["int8"], quantize="int8")
        latencies = _latency_rows(model, paths, x[:1], rounds=10 * options.rounds)
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
        fact("int8 file, every operator integer", int8.integer_only, "True"),
        fact("float32 file, images with Keras's class", f"{same} of {len(x)}", "all"),
        fact("float32 file, largest logit error", error, "<= 1e-3"),
        *latencies,
    ]


def _latency_rows(model: Any, paths: dict[str, Path], image: Any, *, rounds: int) -> list[Row]:
    """One image at a time, pair by pair."""
    import kerazoo

    one_thread = {mode: kerazoo.load_tflite(path, threads=1) for mode, path in paths.items()}
    times = _take_turns(
        {mode: lambda file=file: file(image) for mode, file in one_thread.items()}, rounds=rounds
    )
    one, eight = times["float32"], times["int8"]
    rows = [row("int8, 1 image, 1 thread, us", eight, "float32 file", one, eight / one, "<= 0.5")]
    for mode, path in paths.items():
        file = kerazoo.load_tflite(path)
        pair = {
            "file": lambda file=file: file(image),
            "keras": lambda: model.predict_on_batch(image),
        }
        times = _take_turns(pair, rounds=rounds)
        mine, peer = times["file"], times["keras"]
        what = f"load_tflite call, {mode}, 1 image, us"
        rows.append(row(what, mine, "predict_on_batch", peer, peer / mine, ">= 4"))
    return rows


def _take_turns(contenders: dict[str, Callable[[], Any]], *, rounds: int) -> dict[str, float]:
    """Median microseconds of each. A turn is a burst of calls, its first ones not counted: the
    threads of the one before go on spinning for a while and the cache still holds its weights."""
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, run in contenders.items():
            for number in range(30):
                start = time.perf_counter()
                run()
                if number >= 10:
                    times[name].append(1e6 * (time.perf_counter() - start))
    return {name: statistics.median(values) for name, values in times.items()}


SUITES = {
    "import": suite_import,
    "train": suite_train,
    "tflite": suite_tflite,
    "loop": suite_loop,
    "metrics": suite_metrics,
    "distill": suite_distill,
    "compress": suite_compress,
    "hub": suite_hub,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("suites", nargs="*", choices=[*SUITES, []], help="all if none is named")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--torch-python", help="a Python in which PyTorch is installed")
    parser.add_argument("--tfmot-python", help="a Python in which tfmot is installed")
    options = parser.parse_args()
    results = {}
    for name in options.suites or SUITES:
        results[name] = SUITES[name](options)
        if not options.json:
            print_rows(name, results[name])
    if options.json:
        from kerazoo.inspect import environment

        print(json.dumps({"environment": environment().to_dict(), **results}, indent=2))


if __name__ == "__main__":
    main()
