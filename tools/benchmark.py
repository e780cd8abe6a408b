#!/usr/bin/env python
"""Measure kerazoo against what a user would run instead; both sides in one run, as ratios.

    python tools/benchmark.py import train tflite [--rounds 3] [--json] [--torch-python PYTHON]

Contenders take turns, each in a process of its own, so that a slow moment of the machine hits them
all. Figures are medians over all rounds. PyTorch is measured where a Python that has it is named.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

SAMPLES, BATCH, EPOCHS = 20_000, 128, 3  # the first epoch, which compiles, is not counted
HERE = Path(__file__).resolve()
Row = dict[str, Any]


# --- suite: import -----------------------------------------------------------------------------


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
        [sys.executable, "-c", f"{ours}; import sys; print('keras' in sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    mine, peer = (statistics.median(values) for values in times.values())
    return [
        _row("import and list, seconds", mine, "import keras", peer, mine / peer, "<= 0.08"),
        _fact("keras is loaded by it", loaded.stdout.strip(), "False"),
    ]


def _seconds(command: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - start


# --- suite: train ------------------------------------------------------------------------------


def suite_train(options: argparse.Namespace) -> list[Row]:
    """Images per second of mnist_cnn, batch 128, no augmentation, Adam at a constant rate."""
    speeds: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        _write_pack(Path(folder))
        for number in range(options.rounds):
            for contender in ("fit", "kerazoo-float32", "kerazoo-auto", "torch"):
                python = options.torch_python if contender == "torch" else sys.executable
                if python is None:
                    continue
                _progress(f"train, round {number + 1}/{options.rounds}: {contender}")
                for name, values in _worker(python, contender, folder).items():
                    speeds.setdefault(name, []).extend(values)
    medians = {name: statistics.median(values) for name, values in speeds.items()}
    fit, float32, auto = (medians[n] for n in ("model.fit", "float32", "auto"))
    rows = [
        _row("kerazoo.train float32, images/s", float32, "model.fit", fit, float32 / fit, ">= 1.0"),
        _row("kerazoo.train auto, images/s", auto, "model.fit", fit, auto / fit, ">= 1.0; AMX 1.8"),
    ]
    torch = {name: value for name, value in medians.items() if name.startswith("torch")}
    if torch:
        best = max(torch, key=torch.__getitem__)
        rows.append(
            _row(
                "kerazoo.train auto, images/s",
                auto,
                best,
                torch[best],
                auto / torch[best],
                ">= 1.15",
            )
        )
        rows += [{"what": name, "peer_value": value} for name, value in torch.items()]
    return rows


def _write_pack(folder: Path) -> None:
    """A smaller mnist.npz, in the place of the data set, for all contenders."""
    import numpy as np

    import kerazoo

    x, y = kerazoo.datasets.load_numpy("mnist", "train")
    if len(x) < SAMPLES:
        sys.exit("The suite 'train' needs MNIST's 60,000 training images: set KERAZOO_DATA.")
    x, y = x[:SAMPLES, ..., 0], y[:SAMPLES]
    np.savez(folder / "mnist.npz", x_train=x, y_train=y, x_test=x[:100], y_test=y[:100])


def _worker(python: str, contender: str, folder: str) -> dict[str, list[float]]:
    done = subprocess.run(
        [python, str(HERE), "--worker", contender],
        env={**os.environ, "KERAZOO_DATA": folder, "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        sys.exit(f"{contender} failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def worker_fit() -> dict[str, list[float]]:
    """What a Keras user writes: `model.fit` on the arrays, timed per epoch by a callback."""
    import keras

    import kerazoo

    x, y = kerazoo.datasets.load_numpy("mnist", "train")
    model = kerazoo.get("mnist_cnn", weights=None)
    model.compile(
        "adam",
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    ends = [0.0]
    clock = keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: ends.append(time.perf_counter()))
    model.fit(x, y, batch_size=BATCH, epochs=EPOCHS, verbose=0, callbacks=[clock])
    epochs = [SAMPLES / (end - start) for start, end in pairwise(ends[1:])]
    return {"model.fit": epochs}


def worker_kerazoo(precision: str) -> dict[str, list[float]]:
    """`kerazoo.train` with the recipe stripped to what the peers do."""
    import kerazoo

    with tempfile.TemporaryDirectory() as folder:
        kerazoo.train(
            "mnist_cnn",
            epochs=EPOCHS,
            precision=precision,
            output_dir=folder,
            progress=False,
            overrides={
                "data.augment": None,
                "data.validation": 0.0,
                "training.ema": None,
                "training.optimizer.learning_rate": 1e-3,
            },
        )
        ends = _epoch_ends(Path(folder) / "tensorboard")
    return {precision: [SAMPLES / (end - start) for start, end in pairwise(ends)]}


def _epoch_ends(events: Path) -> list[float]:
    """When each epoch was over, its checkpoint written: the stamps of the run's own event file."""
    import tensorflow as tf

    (file,) = events.iterdir()
    stamps = {
        event.step: event.wall_time
        for event in tf.compat.v1.train.summary_iterator(str(file))
        if event.HasField("summary")
    }
    return [stamps[step] for step in sorted(stamps)]


def worker_torch() -> dict[str, list[float]]:
    """The same network in PyTorch: float32 and bfloat16, default and channels_last."""
    import numpy as np
    import torch
    from torch import nn

    with np.load(Path(os.environ["KERAZOO_DATA"]) / "mnist.npz") as arrays:
        images = torch.tensor(arrays["x_train"][:, None])
        labels = torch.tensor(arrays["y_train"]).long()
    torch.set_num_threads(os.cpu_count() or 1)

    def epoch_speeds(dtype: torch.dtype, layout: torch.memory_format) -> list[float]:
        model = nn.Sequential(
            *(nn.Conv2d(1, 32, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(32, 64, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Flatten(), nn.Linear(3136, 1024), nn.ReLU(), nn.Dropout(0.5), nn.Linear(1024, 10)),
        ).to(memory_format=layout)
        optimizer = torch.optim.Adam(model.parameters(), 1e-3)
        speeds = []
        for _ in range(EPOCHS):
            order = torch.randperm(SAMPLES)
            start = time.perf_counter()
            for rows in order.split(BATCH):
                batch = (images[rows].float() / 255).to(memory_format=layout)
                optimizer.zero_grad()
                with torch.autocast("cpu", dtype, enabled=dtype != torch.float32):
                    logits = model(batch)
                nn.functional.cross_entropy(logits.float(), labels[rows]).backward()
                optimizer.step()
            speeds.append(SAMPLES / (time.perf_counter() - start))
        return speeds[1:]

    return {
        f"torch {dtype} {layout}".replace("torch.", ""): epoch_speeds(dtype, layout)
        for dtype in (torch.float32, torch.bfloat16)
        for layout in (torch.contiguous_format, torch.channels_last)
    }


# --- suite: tflite -----------------------------------------------------------------------------


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
        _progress("tflite: all test images")
        logits = {mode: kerazoo.load_tflite(path).predict(x) for mode, path in paths.items()}
    keras_logits = model.predict(x, batch_size=256, verbose=0)
    classes = keras_logits.argmax(1)
    same = int((logits["float32"].argmax(1) == classes).sum())
    error = float(np.abs(logits["float32"] - keras_logits).max())
    sizes = int8.size_bytes / float32.size_bytes
    accuracy = float((logits["int8"].argmax(1) == y).mean())
    return [
        _fact("Keras accuracy, test images", float((classes == y).mean()), ">= 0.995"),
        _fact("int8 file accuracy, test images", accuracy, ">= 0.9945"),
        _row("int8 file, bytes", int8.size_bytes, "float32", float32.size_bytes, sizes, "<= 0.26"),
        _fact("int8 file, every operator integer", int8.integer_only, "True"),
        _fact("float32 file, images with Keras's class", f"{same} of {len(x)}", "all"),
        _fact("float32 file, largest logit error", error, "<= 1e-3"),
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
    rows = [_row("int8, 1 image, 1 thread, us", eight, "float32 file", one, eight / one, "<= 0.5")]
    for mode, path in paths.items():
        file = kerazoo.load_tflite(path)
        pair = {
            "file": lambda file=file: file(image),
            "keras": lambda: model.predict_on_batch(image),
        }
        times = _take_turns(pair, rounds=rounds)
        mine, peer = times["file"], times["keras"]
        what = f"load_tflite call, {mode}, 1 image, us"
        rows.append(_row(what, mine, "predict_on_batch", peer, peer / mine, ">= 4"))
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


# --- report ------------------------------------------------------------------------------------


def _row(what: str, value: float, peer: str, peer_value: float, ratio: float, bar: str) -> Row:
    return {
        "what": what,
        "kerazoo": value,
        "peer": peer,
        "peer_value": peer_value,
        "ratio": ratio,
        "bar": bar,
    }


def _fact(what: str, value: Any, bar: str) -> Row:
    return {"what": what, "kerazoo": value, "bar": bar}


def _progress(text: str) -> None:
    print(f"... {text}", file=sys.stderr, flush=True)


def _print(suite: str, rows: list[Row]) -> None:
    columns = ("what", "kerazoo", "peer", "peer_value", "ratio", "bar")
    cells = [[_short(row.get(column, "")) for column in columns] for row in rows]
    table = [list(columns), *cells]
    widths = [max(len(line[i]) for line in table) for i in range(len(columns))]
    print(f"\n{suite}")
    for line in table:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)))


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


SUITES = {"import": suite_import, "train": suite_train, "tflite": suite_tflite}
WORKERS: dict[str, Callable[[], dict[str, list[float]]]] = {
    "fit": worker_fit,
    "kerazoo-float32": lambda: worker_kerazoo("float32"),
    "kerazoo-auto": lambda: worker_kerazoo("auto"),
    "torch": worker_torch,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("suites", nargs="*", choices=[*SUITES, []], help="all if none is named")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--torch-python", help="a Python in which PyTorch is installed")
    parser.add_argument("--worker", choices=WORKERS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        print(json.dumps(WORKERS[options.worker]()))
        return
    results = {}
    for name in options.suites or SUITES:
        results[name] = SUITES[name](options)
        if not options.json:
            _print(name, results[name])
    if options.json:
        from kerazoo.inspect import environment

        print(json.dumps({"environment": environment().to_dict(), **results}, indent=2))


if __name__ == "__main__":
    main()
