"""The suite "train": kerazoo.train against model.fit and PyTorch, each in a process of its own."""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

from benchmarks.half_precision import has_bfloat16
from benchmarks.process import answer_of
from benchmarks.table import NotMeasured, Row, other, progress, row, unmeasured

BATCH = 128
AUTO = "kerazoo.train auto, images/s"
AGAINST_TORCH = ">= 1.15"
Speeds = dict[str, list[float]]


def suite_train(options: argparse.Namespace) -> list[Row]:
    """Images per second of mnist_cnn, batch 128, no augmentation, Adam at a constant rate."""
    from kerazoo.inspect import environment

    pythons = dict.fromkeys(("fit", "kerazoo-float32", "kerazoo-auto"), sys.executable)
    if options.torch_python:
        pythons["torch-float32"] = options.torch_python
        if has_bfloat16():
            pythons["torch-bfloat16"] = options.torch_python
    sizes, speeds = options.sizes, Speeds()
    with tempfile.TemporaryDirectory() as folder:
        _write_pack(Path(folder), sizes.train_samples)
        environ = {**os.environ, "KERAZOO_DATA": folder, "TF_CPP_MIN_LOG_LEVEL": "3"}
        for number in range(sizes.rounds):
            for contender, python in pythons.items():
                progress(f"train, round {number + 1}/{sizes.rounds}: {contender}")
                arguments = ("training", contender, sizes.train_epochs)
                for name, values in answer_of(python, *arguments, environ=environ).items():
                    speeds.setdefault(name, []).extend(values)
    medians = {name: statistics.median(values) for name, values in speeds.items()}
    fit, float32, auto = (medians[n] for n in ("model.fit", "float32", "auto"))
    has_tiles = "amx_bf16" in environment().instruction_sets
    rows = [
        row("kerazoo.train float32, images/s", float32, "model.fit", fit, float32 / fit, ">= 1.0"),
        row(AUTO, auto, "model.fit", fit, auto / fit, ">= 1.8" if has_tiles else ">= 1.0"),
    ]
    torch = {name: value for name, value in medians.items() if name.startswith("torch")}
    if not torch:
        missing = unmeasured(f"{AUTO}, PyTorch", "name a Python by --torch-python", AGAINST_TORCH)
        return [*rows, missing]
    best = max(torch, key=torch.__getitem__)
    rows.append(row(AUTO, auto, best, torch[best], auto / torch[best], AGAINST_TORCH))
    return rows + [other("PyTorch, images/s", name, value) for name, value in torch.items()]


def _write_pack(folder: Path, samples: int) -> None:
    """A smaller mnist.npz, in the place of the data set, for all contenders."""
    import numpy as np

    import kerazoo

    x, y = kerazoo.datasets.load_numpy("mnist", "train")
    if len(x) < samples:
        raise NotMeasured("needs MNIST's 60,000 training images: set KERAZOO_DATA")
    x, y = x[:samples, ..., 0], y[:samples]
    np.savez(folder / "mnist.npz", x_train=x, y_train=y, x_test=x[:100], y_test=y[:100])


def worker_fit(epochs: int) -> Speeds:
    """What a Keras user writes: `model.fit` on the arrays, timed per epoch by a callback. Here as
    below the first epoch, which compiles, is not counted."""
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
    model.fit(x, y, batch_size=BATCH, epochs=epochs, verbose=0, callbacks=[clock])
    return {"model.fit": [len(x) / (end - start) for start, end in pairwise(ends[1:])]}


def worker_kerazoo(precision: str, epochs: int) -> Speeds:
    """`kerazoo.train` with the recipe stripped to what the peers do."""
    import kerazoo

    with tempfile.TemporaryDirectory() as folder:
        kerazoo.train(
            "mnist_cnn",
            epochs=epochs,
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
    samples = len(kerazoo.datasets.load_numpy("mnist", "train")[0])
    return {precision: [samples / (end - start) for start, end in pairwise(ends)]}


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


def worker_torch(dtype_name: str, epochs: int) -> Speeds:
    """The same network in PyTorch, default and channels_last."""
    import numpy as np
    import torch
    from torch import nn

    with np.load(Path(os.environ["KERAZOO_DATA"]) / "mnist.npz") as arrays:
        images = torch.tensor(arrays["x_train"][:, None])
        labels = torch.tensor(arrays["y_train"]).long()
    torch.set_num_threads(os.cpu_count() or 1)
    dtype = getattr(torch, dtype_name)

    def epoch_speeds(layout: torch.memory_format) -> list[float]:
        model = nn.Sequential(
            *(nn.Conv2d(1, 32, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(32, 64, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Flatten(), nn.Linear(3136, 1024), nn.ReLU(), nn.Dropout(0.5), nn.Linear(1024, 10)),
        ).to(memory_format=layout)
        optimizer = torch.optim.Adam(model.parameters(), 1e-3)
        speeds = []
        for _ in range(epochs):
            order = torch.randperm(len(images))
            start = time.perf_counter()
            for rows in order.split(BATCH):
                batch = (images[rows].float() / 255).to(memory_format=layout)
                optimizer.zero_grad()
                with torch.autocast("cpu", dtype, enabled=dtype != torch.float32):
                    logits = model(batch)
                nn.functional.cross_entropy(logits.float(), labels[rows]).backward()
                optimizer.step()
            speeds.append(len(images) / (time.perf_counter() - start))
        return speeds[1:]

    return {
        f"torch {dtype} {layout}".replace("torch.", ""): epoch_speeds(layout)
        for layout in (torch.contiguous_format, torch.channels_last)
    }


WORKERS: dict[str, Callable[[int], Speeds]] = {
    "fit": worker_fit,
    "kerazoo-float32": lambda epochs: worker_kerazoo("float32", epochs),
    "kerazoo-auto": lambda epochs: worker_kerazoo("auto", epochs),
    "torch-float32": lambda epochs: worker_torch("float32", epochs),
    "torch-bfloat16": lambda epochs: worker_torch("bfloat16", epochs),
}

if __name__ == "__main__":
    print(json.dumps(WORKERS[sys.argv[1]](int(sys.argv[2]))))
