"""What every operator of a .tflite file gives for some samples."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
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
    """One operator's output, samples first; `output`: its name if it is one of the file's."""

    name: str
    operator: str
    stored: np.ndarray
    scale: float
    """Of one step; 0.0 where numbers are stored as they are."""
    zero_point: int
    output: str | None
    is_end: bool = False
    """Made by the QUANTIZE of an input or the DEQUANTIZE of an output."""
    index: int = -1
    source: int = -1
    """The `index` of the first tensor that the operator takes."""

    @cached_property
    def value(self) -> np.ndarray:
        """In real numbers."""
        return dequantize(self.stored, self.scale, self.zero_point)


@dataclass(frozen=True)
class _Made:
    index: int
    operator: str
    is_end: bool
    source: int


def read_tensors(content: bytes, samples: Mapping[str, np.ndarray]) -> list[FileTensor]:
    """Outputs of all operators of the main graph, in order of execution.

    Runs one sample at a time, so a file with another fixed batch than one gets copies of it.
    Integers that stand for no real number (shapes, indices) are left out.
    """
    interpreter = open_interpreter(content, keep_all_tensors=True)
    made = list(_made(content))
    inputs, named_outputs = signature_details(interpreter)
    if has_open_sizes(interpreter):
        shapes = {d["index"]: (1, *samples[name].shape[1:]) for name, d in inputs.items()}
        resize(interpreter, shapes)
        inputs, _ = signature_details(interpreter)
    outputs = {detail["index"]: name for name, detail in named_outputs.items()}
    details = {detail["index"]: detail for detail in interpreter.get_tensor_details()}
    collected = _run(interpreter, inputs, samples, [entry.index for entry in made])
    rows = len(next(iter(samples.values())))
    return [
        FileTensor(
            details[entry.index]["name"],
            entry.operator,
            np.concatenate(collected[entry.index]),
            details[entry.index]["quantization"][0],
            details[entry.index]["quantization"][1],
            outputs.get(entry.index),
            entry.is_end,
            entry.index,
            entry.source,
        )
        for entry in made
        if _is_real(details[entry.index]) and _have_one_shape(collected[entry.index], rows)
    ]


def read_inputs(content: bytes, samples: Mapping[str, np.ndarray]) -> dict[str, FileTensor]:
    """The samples as the file's quantized inputs hold them, by input name; others are left out."""
    inputs, _ = signature_details(open_interpreter(content))
    found = {}
    for name, detail in inputs.items():
        scale, zero_point = detail["quantization"]
        if scale:
            stored = quantize(samples[name], scale, zero_point, np.dtype(detail["dtype"]).name)
            found[name] = FileTensor(
                detail["name"], "INPUT", stored, scale, zero_point, None, True, detail["index"]
            )
    return found


def _run(
    interpreter: Any,
    inputs: Mapping[str, Mapping[str, Any]],
    samples: Mapping[str, np.ndarray],
    indices: list[int],
) -> dict[int, list[np.ndarray]]:
    """Tensor index -> its values for each sample."""
    collected: dict[int, list[np.ndarray]] = {index: [] for index in indices}
    copies = max(int(detail["shape"][0]) for detail in inputs.values())
    for row in range(len(next(iter(samples.values())))):
        for name, detail in inputs.items():
            interpreter.set_tensor(detail["index"], _stored(samples[name][row], detail))
        interpreter.invoke()
        for index, values in collected.items():
            with contextlib.suppress(ValueError):  # a tensor without memory, never needed
                value = np.atleast_1d(interpreter.get_tensor(index))
                # Samples may have been folded into rows (of a matrix product, say).
                values.append(value[: max(len(value) // copies, 1)])
    return collected


def _made(content: bytes) -> Iterator[_Made]:
    """The tensors that depend on the inputs, and the operators that make them."""
    model = unpack(content)
    graph = model.subgraphs[0]
    inputs, outputs = set(map(int, graph.inputs)), set(map(int, graph.outputs))
    depending = set(inputs)
    maker: dict[int, str] = {}
    for operator in graph.operators or []:
        # A float16 file widens its weights by operators of their own; those are constants.
        if depending.isdisjoint(map(int, operator.inputs)):
            continue
        name, source = operator_name(model, operator), int(operator.inputs[0])
        is_end = (name == "QUANTIZE" and source in inputs) or (
            name == "DEQUANTIZE" and int(operator.outputs[0]) in outputs
        )
        if name == "DEQUANTIZE" or is_end:  # they pass on what another operator computed
            name = maker.get(source, name)
        for index in map(int, operator.outputs):
            depending.add(index)
            maker[index] = name
            yield _Made(index, name, is_end, source)


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
