"""`kerazoo benchmark`: size, agreement and speed of each way to export a model."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer

import kerazoo
from kerazoo.cli.agents import refuse
from kerazoo.cli.export_options import (
    Calibration,
    check_mode,
    check_own_data,
    find_files,
    read_samples,
)
from kerazoo.cli.output import Json, print_json, print_table
from kerazoo.cli.startup import load_tensorflow
from kerazoo.errors import DataError
from kerazoo.exporters.modes import CALIBRATED_MODES, QUANTIZE_MODES
from kerazoo.notices import notice


def benchmark(
    model: Annotated[str, typer.Argument(help="A model's name, a .keras or a .tflite file.")],
    quantize: Annotated[
        list[str] | None, typer.Option(help="Modes to compare; repeatable. All if absent.")
    ] = None,
    calibration: Calibration = None,
    threads: Annotated[
        int | None, typer.Option(min=1, help="Threads, for a .tflite file; 1 if absent.")
    ] = None,
    json: Json = False,
) -> None:
    """Compare a model's quantize modes, or time a .tflite file.

    Without --calibration, modes that need typical inputs are left out where the model has none.

    Example: kerazoo benchmark mnist_cnn --quantize none --quantize int8
    """
    if model.endswith(".tflite"):
        refuse("a .tflite file", {"--quantize": quantize, "--calibration": calibration})
        rows = [_time_file(model, threads or 1)]
    else:
        refuse("models, whose files are timed with one", {"--threads": threads})
        rows = _compare(model, quantize or [], calibration)
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


def _compare(name: str, asked: list[str], calibration: str | None) -> list[dict[str, Any]]:
    """A row for each mode asked for, else for each there is data for."""
    for mode in asked:
        check_mode(mode)
        if calibration is None:
            check_own_data(name, mode)
    files = find_files(calibration)
    load_tensorflow()
    model = kerazoo.zoo.open_model(name)
    samples = read_samples(files, model)
    modes = asked or ["none", *QUANTIZE_MODES]
    # Those that need samples come first: that there are none is said before the rest is measured.
    calibrated = [mode for mode in modes if mode in CALIBRATED_MODES]
    try:
        rows = {mode: _measure(model, mode, samples) for mode in calibrated}
    except DataError as error:
        if asked:
            raise
        notice(f"{', '.join(calibrated)} are left out: {error}")
        modes, rows = [mode for mode in modes if mode not in calibrated], {}
    rows |= {mode: _measure(model, mode, samples) for mode in modes if mode not in rows}
    return [rows[mode] for mode in modes]


def _measure(model: Any, mode: str, samples: Any) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        report = kerazoo.export(
            model,
            Path(folder) / f"{mode}.tflite",
            quantize=None if mode == "none" else mode,
            calibration=samples,
        )
    assert report.latency_us is not None  # verified .tflite files are timed
    return {
        "quantize": mode,
        "size_bytes": report.size_bytes,
        "agreement": report.agreement,
        "integer_only": report.integer_only,
        "median_us": report.latency_us.median,
        "p95_us": report.latency_us.p95,
        "threads": report.latency_us.threads,
    }
