"""What a .tflite file of a compressed network holds, and how fast files run beside each other."""

from __future__ import annotations

import gzip
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROUNDS, RUNS = 200, 20


def kernels(path: Path) -> dict[str, Any]:
    """The file's constant matrices and filters, by name, as they are stored (int8 or float32)."""
    import numpy as np
    from ai_edge_litert.schema_py_generated import TensorType

    from kerazoo.exporters.flatbuffer import read_bytes, unpack

    model = unpack(read_bytes(path))
    dtypes = {TensorType.FLOAT32: np.float32, TensorType.INT8: np.int8}
    found = {}
    for tensor in model.subgraphs[0].tensors:
        data = model.buffers[tensor.buffer].data
        if data is not None and len(data) and tensor.type in dtypes and len(tensor.shape) > 1:
            array = np.frombuffer(bytearray(data), dtypes[tensor.type]).reshape(tensor.shape)
            found[tensor.name.decode()] = array
    return found


def file_facts(path: Path) -> dict[str, Any]:
    """Bytes, zeros among all weights of kernels, and the most values that one kernel has."""
    import numpy as np

    arrays = kernels(path).values()
    return {
        "file_bytes": path.stat().st_size,
        "gzip_bytes": len(gzip.compress(path.read_bytes(), mtime=0)),
        "sparsity": sum(int((each == 0).sum()) for each in arrays)
        / sum(each.size for each in arrays),
        "values": max(len(np.unique(each)) for each in arrays),
        "dtypes": sorted({each.dtype.name for each in arrays}),
    }


def time_in_turn(paths: Sequence[Path], image: Any) -> list[dict[str, float]]:
    """Microseconds of one run of each file, one thread: the files take turns, `RUNS` runs each.

    A load on the machine that comes and goes thus meets all of them. Of each, the least and the
    median of all runs.
    """
    import numpy as np

    from kerazoo.exporters.flatbuffer import read_bytes
    from kerazoo.exporters.interpreter import open_interpreter

    interpreters = [open_interpreter(read_bytes(path), threads=1) for path in paths]
    times: list[list[float]] = [[] for _ in paths]
    for interpreter in interpreters:
        detail = interpreter.get_input_details()[0]
        interpreter.set_tensor(detail["index"], image.astype(detail["dtype"]))
    for number in range(ROUNDS + 1):
        for interpreter, own in zip(interpreters, times, strict=True):
            for _ in range(RUNS):
                start = time.perf_counter_ns()
                interpreter.invoke()
                if number:  # the first round warms up
                    own.append((time.perf_counter_ns() - start) / 1000)
    return [{"least_us": min(own), "median_us": float(np.median(own))} for own in times]
