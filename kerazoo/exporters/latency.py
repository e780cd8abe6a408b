"""How long one run of a .tflite file takes."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from kerazoo.errors import DataError
from kerazoo.exporters.flatbuffer import read_bytes
from kerazoo.exporters.interpreter import has_open_sizes, open_interpreter, resize

OPEN_SIZE = 16
"""Stands for a size other than the batch that the file leaves open."""


@dataclass(frozen=True)
class Latency:
    """Time of one run on this machine. Made by `measure_latency`.

    Attributes:
        median: in microseconds.
        p95: the 95th percentile, in microseconds.
        threads: that the kernels were allowed.
        runs: that were timed.
    """

    median: float
    p95: float
    threads: int
    runs: int


def measure_latency(
    path: str | os.PathLike[str],
    *,
    threads: int = 1,
    runs: int = 200,
    warmup: int = 10,
    seconds: float = 5.0,
) -> Latency:
    """Median and 95th percentile of one `invoke`, with the batch that the file was made for.

    The input is random; copying it in and the result out is not counted, as in TFLite's own
    benchmark tool. A size that the file leaves open is 1 for the batch and 16 elsewhere.

    Args:
        path: a .tflite file.
        threads: threads the kernels may use, 1 or above.
        runs: runs to time, 1 or above.
        warmup: runs before them, 0 or above.
        seconds: stop early after about this long, warm-up included, with at least one timed run.

    Raises:
        kerazoo.errors.DataError: the file is missing or damaged; a number out of its range.

    >>> import keras, kerazoo
    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    >>> report = kerazoo.export(model, "two.tflite", verify=False)
    >>> latency = kerazoo.exporters.measure_latency("two.tflite", runs=20)
    >>> latency.runs, 0 <= latency.median <= latency.p95
    (20, True)
    """
    return time_content(
        read_bytes(path), threads=threads, runs=runs, warmup=warmup, seconds=seconds
    )


def time_content(
    content: bytes, *, threads: int = 1, runs: int = 200, warmup: int = 10, seconds: float = 5.0
) -> Latency:
    """As `measure_latency`, for the bytes of a file."""
    if threads < 1 or runs < 1:
        raise DataError(
            f"`threads` and `runs` must be 1 or above. Received: threads={threads}, runs={runs}."
        )
    interpreter = open_interpreter(content, threads=threads)
    if has_open_sizes(interpreter):
        resize(interpreter, _closed_shapes(interpreter))
    _fill_inputs(interpreter)
    deadline = time.perf_counter() + seconds
    for _ in range(warmup):
        interpreter.invoke()
        if time.perf_counter() > deadline:
            break
    times = []
    for _ in range(runs):
        start = time.perf_counter_ns()
        interpreter.invoke()
        times.append((time.perf_counter_ns() - start) / 1000)
        if time.perf_counter() > deadline:
            break
    median, p95 = np.percentile(times, [50, 95])
    return Latency(round(float(median), 1), round(float(p95), 1), threads, len(times))


def _closed_shapes(interpreter: Any) -> dict[int, list[int]]:
    """One row, and `OPEN_SIZE` for any other size that the file leaves open."""
    shapes = {}
    for detail in interpreter.get_input_details():
        batch, *sizes = (int(size) for size in detail["shape_signature"])
        closed = [OPEN_SIZE if size < 0 else size for size in sizes]
        shapes[detail["index"]] = [max(batch, 1), *closed]
    return shapes


def _fill_inputs(interpreter: Any) -> None:
    """Integers of an unquantized input may be indices, where only 0 is sure to exist."""
    rng = np.random.default_rng(0)
    for detail in interpreter.get_input_details():
        dtype, shape = np.dtype(detail["dtype"]), detail["shape"]
        if dtype.kind == "f":
            values = rng.uniform(0, 1, shape)
        elif detail["quantization"][0]:
            limits = np.iinfo(dtype)
            values = rng.integers(limits.min, limits.max, shape, endpoint=True)
        else:
            values = np.zeros(shape)
        interpreter.set_tensor(detail["index"], values.astype(dtype))
