"""`kerazoo demo`: the whole path in two minutes, on real digits, without a network."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

import kerazoo
from kerazoo.atomic import make_folder
from kerazoo.cli.output import Json, print_json
from kerazoo.cli.startup import load_tensorflow
from kerazoo.errors import DataError

MODEL = "mnist_cnn"


def demo(
    output_dir: Annotated[str, typer.Option(help="Where files are written.")] = "kerazoo-demo",
    json: Json = False,
) -> None:
    """Go from a name to a TFLite file in two minutes.

    Example: kerazoo demo
    """
    console = Console(stderr=json, highlight=False, soft_wrap=True)
    make_folder(output_dir)  # a minute before the first file is written there
    load_tensorflow()
    started = time.perf_counter()
    with _step(console, f'kerazoo.get("{MODEL}")'):
        model = kerazoo.get(MODEL)
    images, labels, source = _unseen_digits()
    console.print(f"  {model.count_params():,} weights, published with kerazoo")
    with _step(console, f'kerazoo.evaluate("{MODEL}")'):
        accuracy = kerazoo.evaluate(model, (images, labels))["accuracy"]
    console.print(f"  accuracy {accuracy:.2%} on {source}")

    with _step(console, f'kerazoo.train("{MODEL}"), from scratch, cut short'):
        trained = _train(Path(output_dir) / "run")
    own = trained.metrics["val_accuracy"]
    console.print(f"  accuracy {own:.2%} on held-out training digits, run folder {trained.run_dir}")

    with _step(console, "kerazoo.export as float32 and int8, each file run and compared"):
        reports = [
            kerazoo.export(model, Path(output_dir) / f"{MODEL}.tflite"),
            kerazoo.export(model, Path(output_dir) / f"{MODEL}_int8.tflite", quantize="int8"),
        ]
        scores = [kerazoo.evaluate(str(r.path), (images, labels))["accuracy"] for r in reports]
    console.print(_table(model, accuracy, reports, scores))
    console.print(
        f"Same class: as Keras, image by image. Latency: one image, one thread. "
        f"Done in {time.perf_counter() - started:.0f} s."
    )
    if json:
        print_json(
            {
                "digits": source,
                "accuracy": accuracy,
                "trained_accuracy": own,
                "exports": [
                    {**r.to_dict(), "accuracy": s} for r, s in zip(reports, scores, strict=True)
                ],
            }
        )


@contextmanager
def _step(console: Console, title: str) -> Iterator[None]:
    console.print(f"[bold]{title}[/bold]")
    start = time.perf_counter()
    yield
    console.print(f"  took {time.perf_counter() - start:.1f} s", style="dim")


def _unseen_digits() -> tuple[Any, Any, str]:
    """MNIST's own test images where they are at hand, else digits that need no network."""
    try:
        return *kerazoo.datasets.load_numpy("mnist", "test"), "MNIST's 10,000 test images"
    except DataError:
        digits = kerazoo.datasets.load_numpy("digits", "test")
        return *digits, "scikit-learn's 1,797 digits, scaled up from 8x8 (harder than MNIST's own)"


def _train(folder: Path) -> kerazoo.TrainResult:
    """A recipe cut short: seconds on the 5,000 digits that need no network, else one epoch."""
    images, _ = kerazoo.datasets.load_numpy("mnist", "train")
    return kerazoo.train(
        MODEL,
        epochs=1 if len(images) > 10_000 else 4,
        output_dir=folder,
        resume=False,
        precision="float32",
    )


def _table(model: Any, accuracy: float, reports: list[Any], scores: list[float]) -> Table:
    table = Table("file", "size", "same class", "accuracy", "latency", box=None, pad_edge=False)
    size = sum(weight.value.numpy().nbytes for weight in model.weights)
    table.add_row("(Keras)", f"{size / 1e6:.2f} MB", "", f"{accuracy:.2%}", "")
    for report, score in zip(reports, scores, strict=True):
        table.add_row(
            report.path.name,
            f"{report.size_bytes / 1e6:.2f} MB",
            f"{report.agreement:.1%} of {report.samples}",
            f"{score:.2%}",
            f"{report.latency_us.median:,.0f} us",
        )
    return table
