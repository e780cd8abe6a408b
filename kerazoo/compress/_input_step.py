"""The step of the values that a layer of a quantized model takes."""

from __future__ import annotations

from typing import Any

from kerazoo.compress._lowering import Kind, lowering_of
from kerazoo.compress.fake_quantize import FakeQuantize


def input_step(layer: Any) -> Any:
    """The step of the range before `layer`, a float32 scalar.

    None where there is no range, or where a shared layer has another one for each call. Which range
    it is is read from the graph of Keras that the layer is part of, so nothing needs to be saved.
    """
    found = {_range_of(node.input_tensors[0]) for node in layer._inbound_nodes}
    quantizer = found.pop() if len(found) == 1 else None
    return None if quantizer is None or quantizer.bits is None else quantizer.step_size()


def _range_of(tensor: Any) -> FakeQuantize | None:
    """The nearest range before `tensor`, past what only moves values."""
    operation, call, _ = tensor._keras_history
    if isinstance(operation, FakeQuantize):
        return operation
    if lowering_of(operation).kind is not Kind.PASS_THROUGH:
        return None
    return _range_of(operation._inbound_nodes[call].input_tensors[0])
