"""The suite "train": kerazoo.train against model.fit and PyTorch, each in a process of its own."""

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

from benchmark_table import Row, progress, row

SAMPLES, BATCH, EPOCHS = 20_000, 128, 3  # the first epoch, which compiles, is not counted


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
                progress(f"train, round {number + 1}/{options.rounds}: {contender}")
                for name, values in _worker(python, contender, folder).items():
                    speeds.setdefault(name, []).extend(values)
    medians = {name: statistics.median(values) for name, values in speeds.items()}
    fit, float32, auto = (medians[n] for n in ("model.fit", "float32", "auto"))
    rows = [
        row("kerazoo.train float32, images/s", float32, "model.fit", fit, float32 / fit, ">= 1.0"),
        row("kerazoo.train auto, images/s", auto, "model.fit", fit, auto / fit, ">= 1.0; AMX 1.8"),
    ]
    torch = {name: value for name, value in medians.items() if name.startswith("torch")}
    if torch:
        best = max(torch, key=torch.__getitem__)
        rows.append(
            row(
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
        [python, str(Path(__file__).resolve()), contender],
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


WORKERS: dict[str, Callable[[], dict[str, list[float]]]] = {
    "fit": worker_fit,
    "kerazoo-float32": lambda: worker_kerazoo("float32"),
    "kerazoo-auto": lambda: worker_kerazoo("auto"),
    "torch": worker_torch,
}

if __name__ == "__main__":
    print(json.dumps(WORKERS[sys.argv[1]]()))
