#!/usr/bin/env python
"""The table of compressed mnist_cnn: pruned, clustered, quantized, and all of it together.

    KERAZOO_DATA=FOLDER python tools/compression_table.py [--only NAME ...] [--epochs 4]
        [--samples 0] [--work FOLDER]

Begins with the published weights. Each step trains on for some epochs on MNIST's training split
less its last 5,000 images, with the augmentation of the model's config, Adam, the learning rate
falling to 0 along a half cosine. The rate is chosen, of two, on those 5,000 images; the test split
is used once for each line. "file" is the .tflite file of `kerazoo.export` (float unless quantized),
measured with the reference's on the same machine in one run. Each finished line is kept in
`--work`, with its model, so a run that was broken goes on where it was; delete a line's files to
have it anew. With `--samples` it is a try on so many images, in a folder of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

MODEL, DATASET, VALIDATION, BATCH = "mnist_cnn", "mnist", 5_000, 128
RATES = (3e-4, 1e-3)


class Step:
    """One line of the table: from which line it starts, and what it does to that model."""

    def __init__(self, start: str, change: Callable[[Any, int], Any], bar: str):
        self.start, self.change, self.bar = start, change, bar


def steps() -> dict[str, Step]:
    """`change(model, updates)`: the compressed model, to be trained for so many updates."""
    from kerazoo.compress import PolynomialDecay, cluster, prune, quantize_aware

    def gradually(sparsity: float, budget: str = "layer") -> Callable[[Any, int], Any]:
        def change(model: Any, updates: int) -> Any:
            every = max(1, updates // 40)
            schedule = PolynomialDecay(0.3, sparsity, 0, updates // 2, frequency=every)
            return prune(model, schedule=schedule, budget=budget)

        return change

    return {
        "pruned 80 %": Step("dense", gradually(0.8, "global"), "accuracy -0.10, gzip 0.30"),
        "half the FLOPs": Step(
            "dense",
            lambda model, _: prune(model, flops=0.5, pattern="channel"),
            "accuracy -0.15, latency 0.65",
        ),
        "16 clusters": Step("dense", lambda model, _: cluster(model, clusters=16), ""),
        "int8": Step("dense", lambda model, _: quantize_aware(model), "accuracy -0.05"),
        "pruned 50 %": Step("dense", gradually(0.5), ""),
        "+ 16 clusters": Step("pruned 50 %", lambda model, _: cluster(model, clusters=16), ""),
        "+ int8": Step(
            "+ 16 clusters", lambda model, _: quantize_aware(model), "accuracy -0.15, gzip 0.12"
        ),
    }


def main(arguments: list[str]) -> None:
    options = _parse(arguments)
    work = options.work / (f"try_{options.samples}" if options.samples else "whole")
    work.mkdir(parents=True, exist_ok=True)
    data = _data(options.samples)
    table = {"dense": _kept(work, "dense", lambda: _dense(work, data))}
    for name, step in steps().items():
        if options.only and name not in options.only:
            continue

        def make(name: str = name, step: Step = step) -> dict[str, Any]:
            return _line(work, name, step, data, options.epochs)

        table[name] = _kept(work, name, make)
    print(_markdown(table))


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="*", help="names of lines; a line needs that it starts at")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--samples", type=int, default=0, help="a try on so many images")
    parser.add_argument("--work", type=Path, default=Path("compression_table"))
    return parser.parse_args(arguments)


def _data(samples: int) -> dict[str, tuple[Any, Any]]:
    from kerazoo import datasets

    images, labels = datasets.load_numpy(DATASET, "train")
    parts = {
        "train": (images[:-VALIDATION], labels[:-VALIDATION]),
        "validation": (images[-VALIDATION:], labels[-VALIDATION:]),
        "test": datasets.load_numpy(DATASET, "test"),
    }
    return {
        name: (x[:samples], y[:samples]) if samples else (x, y) for name, (x, y) in parts.items()
    }


def _kept(work: Path, name: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """The line kept in `work`, else a new one, which is then kept."""
    path = _path(work, name, ".json")
    if not path.exists():
        line = make()
        path.write_text(json.dumps(line, indent=2))
        print(f"{name}: {line}", file=sys.stderr)
    return json.loads(path.read_text())


def _dense(work: Path, data: dict[str, Any]) -> dict[str, Any]:
    import kerazoo

    model = kerazoo.get(MODEL)
    model.save(_path(work, "dense", ".keras"))
    return {"accuracy": _accuracy(model, data["test"]), **_sizes(model)}


def _line(work: Path, name: str, step: Step, data: dict[str, Any], epochs: int) -> dict[str, Any]:
    import keras

    start = _path(work, step.start, ".keras")
    if not start.exists():
        sys.exit(f"{name!r} starts at {step.start!r}, which is not in {work}: make that first.")
    tried = {}
    for rate in RATES:
        model = _trained(step, keras.models.load_model(start, compile=False), data, epochs, rate)
        tried[rate] = (_accuracy(model, data["validation"]), model)
    rate = max(tried, key=lambda each: tried[each][0])
    accuracy, model = tried[rate]
    model.save(_path(work, name, ".keras"))
    chosen = {"rate": rate, "validation": accuracy}
    return {"accuracy": _accuracy(model, data["test"]), **chosen, **_sizes(model)}


def _trained(step: Step, start: Any, data: dict[str, Any], epochs: int, rate: float) -> Any:
    import keras

    from kerazoo import datasets

    keras.utils.set_random_seed(0)
    x, y = data["train"]
    updates = epochs * -(-len(x) // BATCH)
    model = step.change(start, updates)
    schedule = keras.optimizers.schedules.CosineDecay(rate, updates)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(schedule), loss, metrics=["accuracy"])
    model.fit(
        _batches(x, y, datasets.Augment(shift=0.1, rotate=10, zoom=0.1)),
        epochs=epochs,
        shuffle=False,
        verbose=0,
    )
    return model


def _batches(x: Any, y: Any, augment: Any) -> Any:
    import tensorflow as tf

    from kerazoo.datasets.augment import distort

    def distorted(number: Any, batch: Any) -> Any:
        images, labels = batch
        return distort(images, augment, tf.stack([0, tf.cast(number, tf.int32)])), labels

    dataset = tf.data.Dataset.from_tensor_slices((x, y)).shuffle(len(x), seed=0).batch(BATCH)
    return dataset.enumerate().map(distorted, num_parallel_calls=2).prefetch(2)


def _accuracy(model: Any, part: tuple[Any, Any]) -> float:
    images, labels = part
    return float((model.predict(images, 500, verbose=0).argmax(-1) == labels).mean())


def _sizes(model: Any) -> dict[str, Any]:
    from kerazoo.compress import report

    found = report(model, tflite=True)
    return {
        "sparsity": found.sparsity,
        "values": found.unique_values,
        "flops": found.flops,
        "file_bytes": found.tflite.size_bytes,
        "gzip_bytes": found.tflite.gzip_bytes,
        "latency_us": found.tflite.latency_us,
    }


def _path(work: Path, name: str, suffix: str) -> Path:
    words = name.replace("%", "percent").replace("+", "then").split()
    return work / ("_".join(words) + suffix)


def _markdown(table: dict[str, dict[str, Any]]) -> str:
    heads = (
        "accuracy %|against dense|zeros|values|MFLOPs|file kB|gzip kB|of dense file|us|of dense|bar"
    )
    rows = [f"| model | {heads.replace('|', ' | ')} |", "|" + "---|" * 12]
    dense, bars = table["dense"], {name: step.bar for name, step in steps().items()}
    for name, line in table.items():
        cells = [
            f"{100 * line['accuracy']:.2f}",
            f"{100 * (line['accuracy'] - dense['accuracy']):+.2f}",
            f"{line['sparsity']:.1%}",
            f"{line['values']:,}",
            f"{line['flops'] / 1e6:.1f}" if line["flops"] else "?",
            f"{line['file_bytes'] / 1e3:,.0f}",
            f"{line['gzip_bytes'] / 1e3:,.0f}",
            f"{line['gzip_bytes'] / dense['file_bytes']:.2f}",
            f"{line['latency_us']:.0f}",
            f"{line['latency_us'] / dense['latency_us']:.2f}",
            bars.get(name, ""),
        ]
        rows.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(rows)


if __name__ == "__main__":
    main(sys.argv[1:])
