"""What every operator of a .tflite file gives for some samples."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from kerazoo.exporters.flatbuffer import unpack
from kerazoo.exporters.interpreter import (
    has_open_sizes,
    open_interpreter,
    resize,
    signature_details,
)
from kerazoo.exporters.operators import operator_name
from kerazoo.exporters.quantization import dequantize, quantize


@dataclass(frozen=True)
class FileTensor:
    """One operator's output: `value` in real numbers, samples first; `output`: its name as one."""

    name: str
    operator: str
    value: np.ndarray
    output: str | None


def read_tensors(content: bytes, samples: Mapping[str, np.ndarray]) -> list[FileTensor]:
    """Outputs of all operators of the main graph, in order of execution.

    Runs one sample at a time, so a file with another fixed batch than one gets copies of it.
    Integers that stand for no real number (shapes, indices) are left out.
    """
    interpreter = open_interpreter(content, keep_all_tensors=True)
    operators = list(_operator_outputs(content))
    inputs, named_outputs = signature_details(interpreter)
    if has_open_sizes(interpreter):
        shapes = {d["index"]: (1, *samples[name].shape[1:]) for name, d in inputs.items()}
        resize(interpreter, shapes)
        inputs, _ = signature_details(interpreter)
    outputs = {detail["index"]: name for name, detail in named_outputs.items()}
    details = {detail["index"]: detail for detail in interpreter.get_tensor_details()}
    collected: dict[int, list[np.ndarray]] = {index: [] for index, _ in operators}
    rows = len(next(iter(samples.values())))
    for row in range(rows):
        for name, detail in inputs.items():
            interpreter.set_tensor(detail["index"], _stored(samples[name][row], detail))
        interpreter.invoke()
        for index, values in collected.items():
            with contextlib.suppress(ValueError):  # a tensor without memory, never needed
                values.append(np.atleast_1d(interpreter.get_tensor(index))[:1])
    return [
        FileTensor(
            details[index]["name"],
            operator,
            dequantize(np.concatenate(collected[index]), *details[index]["quantization"]),
            outputs.get(index),
        )
        for index, operator in operators
        if _is_real(details[index]) and _have_one_shape(collected[index], rows)
    ]


def _operator_outputs(content: bytes) -> Iterator[tuple[int, str]]:
    """Index of each tensor that depends on the inputs, and the operator that makes it."""
    model = unpack(content)
    graph = model.subgraphs[0]
    depending = {int(index) for index in graph.inputs}
    maker: dict[int, str] = {}
    for operator in graph.operators or []:
        # A float16 file widens its weights by operators of their own; those are constants.
        if depending.isdisjoint(map(int, operator.inputs)):
            continue
        name = operator_name(model, operator)
        if name in ("QUANTIZE", "DEQUANTIZE"):  # they pass on what another operator computed
            name = maker.get(int(operator.inputs[0]), name)
        for index in map(int, operator.outputs):
            depending.add(index)
            maker[index] = name
            yield index, name


def _stored(sample: np.ndarray, detail: Mapping[str, Any]) -> np.ndarray:
    batch = np.broadcast_to(sample, detail["shape"])
    scale, zero_point = detail["quantization"]
    dtype = np.dtype(detail["dtype"])
    if scale:
        return quantize(batch, scale, zero_point, dtype.name)
    return np.ascontiguousarray(batch, dtype)


def _is_real(detail: Mapping[str, Any]) -> bool:
    return np.dtype(detail["dtype"]).kind == "f" or bool(detail["quantization"][0])


def _have_one_shape(values: list[np.ndarray], rows: int) -> bool:
    return len(values) == rows and len({value.shape for value in values}) == 1
