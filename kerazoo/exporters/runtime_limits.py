"""Why the runtime refuses a quantized file: a tensor whose range is next to nothing.

An operator scales its sums down to the steps of its output. XNNPACK takes factors below 256 only
("requantization scale ... is greater or equal to 256.0" in its `src/operators/`), and the output of
a layer that gave nothing but 0 in calibration (a dead ReLU) has steps far too small for that: the
converter makes an empty range 2e-6 wide.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kerazoo.exporters.flatbuffer import unpack
from kerazoo.exporters.operators import operator_name

LARGEST_FACTOR = 256.0
MULTIPLYING = frozenset(
    {"CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV", "FULLY_CONNECTED", "MUL", "BATCH_MATMUL"}
)
"""Operators whose sums have the product of two inputs' steps."""


@dataclass(frozen=True)
class TinyRange:
    """A tensor that the runtime cannot scale down to: its name and its step."""

    name: str
    scale: float


def tiny_ranges(content: bytes) -> list[TinyRange]:
    """The outputs whose step is 256 times smaller than that of their operator's sums, or more."""
    model = unpack(content)
    graph = model.subgraphs[0]
    found = []
    for operator in graph.operators or []:
        output = graph.tensors[int(operator.outputs[0])]
        steps = [_step(graph.tensors[int(index)]) for index in operator.inputs if index >= 0]
        own = _step(output)
        if operator_name(model, operator) in MULTIPLYING and len(steps) > 1:
            steps = [steps[0] * steps[1]]
        if own and max(steps, default=0.0) >= LARGEST_FACTOR * own:
            found.append(TinyRange(output.name.decode(), own))
    return found


def _step(tensor: Any) -> float:
    """The tensor's scale, the largest of its channels; 0.0 where it is not quantized."""
    quantization = tensor.quantization
    if quantization is None or quantization.scale is None:
        return 0.0
    return float(max(quantization.scale, default=0.0))
