"""Takes the casts out of a file that kept the converter from quantizing layers left in float.

See `kerazoo.compress._float_boundary`. From float32 to float64 and back, no value changes.
"""

from __future__ import annotations

from typing import Any

from kerazoo.exporters.flatbuffer import pack, unpack
from kerazoo.exporters.operators import operator_name


def without_boundaries(content: bytes) -> bytes:
    """The file without its casts to float64 and back; the same bytes where it has none."""
    model = unpack(content)
    removed = [_remove_casts(model, graph) for graph in model.subgraphs]
    return pack(model) if any(removed) else content


def _remove_casts(model: Any, graph: Any) -> bool:
    """Let what reads the second cast read the first one's input; whether there was any."""
    from ai_edge_litert import schema_py_generated as schema

    kinds = schema.TensorType
    there = _casts(model, graph, kinds.FLOAT32, kinds.FLOAT64)
    back = _casts(model, graph, kinds.FLOAT64, kinds.FLOAT32)
    ends = set(map(int, graph.outputs))  # these tensors have to stay
    instead = {
        output: there[double]
        for output, double in back.items()
        if double in there and output not in ends
    }
    operators = [op for op in graph.operators or [] if instead.keys().isdisjoint(op.outputs)]
    for operator in operators:
        operator.inputs = [instead.get(int(index), int(index)) for index in operator.inputs]
    read = ends.union(*(operator.inputs for operator in operators))
    unread = set(there) - read
    graph.operators = [op for op in operators if unread.isdisjoint(op.outputs)]
    return bool(instead)


def _casts(model: Any, graph: Any, source: int, target: int) -> dict[int, int]:
    """Output -> input of the casts from one type to another."""
    casts = {
        int(operator.outputs[0]): int(operator.inputs[0])
        for operator in graph.operators or []
        if operator_name(model, operator) == "CAST"
    }
    return {
        output: taken
        for output, taken in casts.items()
        if (graph.tensors[taken].type, graph.tensors[output].type) == (source, target)
    }
