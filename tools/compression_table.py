#!/usr/bin/env python
"""The table of compressed mnist_cnn: pruned, clustered, quantized, and all of it together.

    KERAZOO_DATA=FOLDER python tools/compression_table.py [--only NAME ...] [--epochs 4]
        [--rates 3e-4 1e-3] [--samples 0] [--work FOLDER] [--time]

Begins with the published weights. Each line trains on for some epochs as the recipe does: on its
training part, with its whole augmentation (shift, rotation, zoom, elastic distortion), Adam; but
without its averaging of weights, the learning rate falling to 0 along half a cosine. The rate is
chosen, of `--rates`, on the recipe's validation part. "dense, trained on" is the same training
without any compression: more of it may help by itself, and its weights are full float32 numbers as
those of the other lines, while the published ones are stored in float16.

Everything else is measured on the .tflite file of `kerazoo.export` (float unless quantized): its
accuracy on the 10,000 test images, used once for each line, its zeros and different values, its
size. `--time` measures how long all files take, in turn, one thread; repeat it alone on an idle
machine (a minute). Each trained model, file and line is kept in `--work`, so a run that was broken
goes on where it was; delete a line's files to have it anew. With `--samples` it is a try on so many
images, in a folder of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from compressed_file import file_facts, time_in_turn
from quantize_table import Data

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

MODEL, DATASET, BATCH, SEED = "mnist_cnn", "mnist", 128, 0
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
            lambda model, _: prune(model, flops=0.5, pattern="channel", multiple_of=8),
            "accuracy -0.15, latency 0.65",
        ),
        "16 clusters": Step("dense", lambda model, _: cluster(model, clusters=16), ""),
        "int8": Step("dense", lambda model, _: quantize_aware(model), "accuracy -0.05"),
        "pruned 50 %": Step("dense", gradually(0.5), ""),
        "+ 16 clusters": Step("pruned 50 %", lambda model, _: cluster(model, clusters=16), ""),
        "+ int8": Step(
            "+ 16 clusters", lambda model, _: quantize_aware(model), "accuracy -0.15, gzip 0.12"
        ),
        "dense, trained on": Step("dense", lambda model, _: model, ""),
    }


def main(arguments: list[str]) -> None:
    options = _parse(arguments)
    work = options.work / (f"try_{options.samples}" if options.samples else "whole")
    work.mkdir(parents=True, exist_ok=True)
    data = _data(options.samples)
    wanted = {
        name: step
        for name, step in steps().items()
        if not options.only or name in options.only or _path(work, name, ".json").exists()
    }
    table = {"dense": _kept(work, "dense", lambda: _dense(work, data))}
    for name, step in wanted.items():

        def make(name: str = name, step: Step = step) -> dict[str, Any]:
            return _line(work, name, step, data, options)

        table[name] = _kept(work, name, make)
    if options.time:
        _time(work, list(table), data.test[0][:1])
    print(_markdown(table, work))


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="*", help="names of lines; a line needs that it starts at")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--rates", nargs="+", type=float, default=RATES, help="to choose from")
    parser.add_argument("--samples", type=int, default=0, help="a try on so many images")
    parser.add_argument("--work", type=Path, default=Path("runs/compression_table"))
    parser.add_argument("--time", action="store_true", help="time the files of all lines, in turn")
    return parser.parse_args(arguments)


def _data(samples: int) -> Data:
    """The recipe's own parts."""
    data = Data.load(DATASET)
    if not samples:
        return data
    return Data(**{name: (x[:samples], y[:samples]) for name, (x, y) in vars(data).items()})


def _kept(work: Path, name: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """The line kept in `work`, else a new one, which is then kept."""
    path = _path(work, name, ".json")
    if not path.exists():
        line = make()
        path.write_text(json.dumps(line, indent=2))
        print(f"{name}: {line}", file=sys.stderr, flush=True)
    return json.loads(path.read_text())


def _dense(work: Path, data: Data) -> dict[str, Any]:
    import kerazoo

    model = kerazoo.get(MODEL)
    model.save(_path(work, "dense", ".keras"))
    return _measured(model, _path(work, "dense", ".tflite"), data)


def _line(
    work: Path, name: str, step: Step, data: Data, options: argparse.Namespace
) -> dict[str, Any]:
    import keras

    start, end = _path(work, step.start, ".keras"), _path(work, name, ".keras")
    if not start.exists():
        sys.exit(f"{name!r} starts at {step.start!r}, which is not in {work}: make that first.")
    if not end.exists():
        tried = {}
        for rate in options.rates:
            model = keras.models.load_model(start, compile=False)
            model = _trained(step, model, data, options.epochs, rate)
            tried[rate] = (_accuracy(model, data.validation), model)
            print(f"{name}: rate {rate}, validation {tried[rate][0]}", file=sys.stderr, flush=True)
        best = max(tried, key=lambda rate: tried[rate][0])
        tried[best][1].save(end)
    model = keras.models.load_model(end, compile=False)
    validation = {"validation": _accuracy(model, data.validation)}
    return {**validation, **_measured(model, _path(work, name, ".tflite"), data)}


def _trained(step: Step, start: Any, data: Data, epochs: int, rate: float) -> Any:
    import keras

    from kerazoo import datasets

    keras.utils.set_random_seed(SEED)
    augment = datasets.info(DATASET).augment
    batches = datasets.Batches(*data.train, batch_size=BATCH, seed=SEED, augment=augment)
    updates = epochs * len(batches)
    model = step.change(start, updates)
    schedule = keras.optimizers.schedules.CosineDecay(rate, updates)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(schedule), loss)
    model.fit(batches.starting_at(), epochs=epochs, steps_per_epoch=len(batches), verbose=2)
    return model


def _accuracy(model: Any, part: tuple[Any, Any]) -> float:
    images, labels = part
    return float((model.predict(images, 500, verbose=0).argmax(-1) == labels).mean())


def _measured(model: Any, path: Path, data: Data) -> dict[str, Any]:
    """Figures of the exported file, and the operations of the model."""
    import kerazoo
    from kerazoo.compress import report, strip
    from kerazoo.compress._unquantized import is_quantized

    exported = model if is_quantized(model) else strip(model)
    kerazoo.export(exported, path, calibration=data.train[0][:200])
    images, labels = data.test
    right = kerazoo.load_tflite(path).predict(images).argmax(-1) == labels
    return {"accuracy": float(right.mean()), "flops": report(model).flops, **file_facts(path)}


def _time(work: Path, names: list[str], image: Any) -> None:
    """Write `times.json`: microseconds of each line's file."""
    times = time_in_turn([_path(work, name, ".tflite") for name in names], image)
    (work / "times.json").write_text(json.dumps(dict(zip(names, times, strict=True)), indent=2))


def _path(work: Path, name: str, suffix: str) -> Path:
    words = name.replace("%", "percent").replace("+", "then").split()
    return work / ("_".join(words) + suffix)


def _markdown(table: dict[str, dict[str, Any]], work: Path) -> str:
    heads = (
        "accuracy %|against dense|zeros|values|MFLOPs|file kB|gzip kB|of dense file|of dense gzip|"
        "us, least|of dense|us, median|of dense|bar"
    )
    rows = [f"| file | {heads.replace('|', ' | ')} |", "|" + "---|" * 15]
    dense, bars = table["dense"], {name: step.bar for name, step in steps().items()}
    path = work / "times.json"
    times = json.loads(path.read_text()) if path.exists() else {}
    for name, line in table.items():
        cells = [
            f"{100 * line['accuracy']:.2f}",
            f"{100 * (line['accuracy'] - dense['accuracy']):+.2f}",
            f"{line['sparsity']:.1%}",
            f"{line['values']:,}",
            f"{line['flops'] / 1e6:.1f}",
            f"{line['file_bytes'] / 1e3:,.0f}",
            f"{line['gzip_bytes'] / 1e3:,.0f}",
            f"{line['gzip_bytes'] / dense['file_bytes']:.3f}",
            f"{line['gzip_bytes'] / dense['gzip_bytes']:.3f}",
            *_times(times, name),
            bars.get(name, ""),
        ]
        rows.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(rows)


def _times(times: dict[str, dict[str, float]], name: str) -> list[str]:
    if name not in times:
        return ["", "", "", ""]
    return [
        text
        for key, value in times[name].items()
        for text in (f"{value:,.0f}", f"{value / times['dense'][key]:.2f}")
    ]


if __name__ == "__main__":
    main(sys.argv[1:])
