"""`kerazoo benchmark`: size, agreement and speed of each way to export a model."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer

import kerazoo
from kerazoo.cli.agents import refuse
from kerazoo.cli.output import Json, print_json, print_table
from kerazoo.cli.startup import load_tensorflow


def benchmark(
    model: Annotated[str, typer.Argument(help="A model's name, a .keras or a .tflite file.")],
    quantize: Annotated[
        list[str] | None, typer.Option(help="Modes to compare; repeatable. All if absent.")
    ] = None,
    threads: Annotated[
        int | None, typer.Option(min=1, help="Threads, for a .tflite file; 1 if absent.")
    ] = None,
    json: Json = False,
) -> None:
    """Compare the quantize modes of a model, or time one .tflite file.

    Example: kerazoo benchmark mnist_cnn --quantize none --quantize int8
    """
    if model.endswith(".tflite"):
        refuse("a .tflite file", {"--quantize": quantize})
        rows = [_time_file(model, threads or 1)]
    else:
        refuse("models, whose files are timed with one", {"--threads": threads})
        load_tensorflow()
        rows = _compare(model, quantize or ["none", *kerazoo.exporters.QUANTIZE_MODES])
    if json:
        print_json(rows)
        return
    print_table([row.values() for row in rows], columns=rows[0])


def _time_file(path: str, threads: int) -> dict[str, Any]:
    latency = kerazoo.exporters.measure_latency(path, threads=threads)
    return {
        "file": path,
        "size_bytes": Path(path).stat().st_size,
        "median_us": latency.median,
        "p95_us": latency.p95,
        "threads": latency.threads,
    }


def _compare(name: str, modes: list[str]) -> list[dict[str, Any]]:
    model = kerazoo.zoo.open_model(name)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for mode in modes:
            report = kerazoo.export(
                model, Path(folder) / f"{mode}.tflite", quantize=None if mode == "none" else mode
            )
            assert report.latency_us is not None  # verified .tflite files are timed
            rows.append(
                {
                    "quantize": mode,
                    "size_bytes": report.size_bytes,
                    "agreement": report.agreement,
                    "integer_only": report.integer_only,
                    "median_us": report.latency_us.median,
                    "p95_us": report.latency_us.p95,
                    "threads": report.latency_us.threads,
                }
            )
    return rows
