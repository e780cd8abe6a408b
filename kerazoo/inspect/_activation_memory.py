"""How much memory the tensors of a trace take: those that layers hand on, and those alive at once.

Tensors that are another one under a new shape take none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from kerazoo.inspect._flop_count import needed
from kerazoo.inspect._loops import is_loop
from kerazoo.inspect._sized_functions import called_graphs
from kerazoo.inspect._tracing import Trace

_SAME_MEMORY = ("Identity", "StopGradient", "PreventGradient", "Reshape", "Squeeze", "ExpandDims")
_WEIGHTS = ("Const", "ReadVariableOp", "VarHandleOp")


def handed_on(trace: Trace) -> Iterator[tuple[Any, Any]]:
    """(layer, tensor) for each tensor that is made by an operation of a layer's call and read
    outside of that call, or is a result of the whole."""
    graph = trace.function.graph
    readers: dict[str, list[str]] = {}
    for operation in needed(graph):
        for tensor in operation.inputs:
            readers.setdefault(tensor.name, []).append(operation.name)
    results = {tensor.name for tensor in trace.function.outputs}
    for operation in needed(graph):
        calls = trace.calls(graph.name, operation.name)
        if not calls or operation.type in (*_WEIGHTS, "Placeholder"):
            continue
        layer, scope = calls[-1]
        for tensor in operation.outputs:
            names = readers.get(tensor.name, [])
            if tensor.name in results or any(not n.startswith(f"{scope}/") for n in names):
                yield layer, tensor


def peak_bytes(graph: Any, is_called: bool = False) -> int:
    """The most bytes alive at once when the operations run in the order in which they were traced,
    and a tensor is given back after its last reader.

    `is_called`: by an operation of another graph, whose memory the arguments are.
    """
    operations = needed(graph)
    last: dict[str, int] = {}
    for index, operation in enumerate(operations):
        for tensor in operation.inputs:
            last[origin(tensor).name] = index
    last.update({origin(tensor).name: len(operations) for tensor in graph.outputs})
    alive = peak = 0
    freed: Counter[int] = Counter()
    for index, operation in enumerate(operations):
        before = alive
        for tensor in operation.outputs:
            if not (is_called and operation.type == "Placeholder") and _takes_memory(tensor):
                alive += size_in_bytes(tensor)
                freed[last.get(tensor.name, index)] += size_in_bytes(tensor)
        beside = alive if is_loop(operation) else before  # a turn of it has other results
        peak = max(peak, alive, beside + _peak_inside(operation))
        alive -= freed[index]
    return peak


def _peak_inside(operation: Any) -> int:
    """Of the functions that an operation calls, one after the other: the most that one takes."""
    graphs = called_graphs(operation)
    return max((peak_bytes(graph, is_called=True) for graph in graphs), default=0)


def _takes_memory(tensor: Any) -> bool:
    """Not the memory of another tensor, nor that of weights, as they are or in another dtype."""
    source = origin(tensor)
    if source is not tensor:
        return False
    while source.op.type == "Cast":
        source = origin(source.op.inputs[0])
    return source.op.type not in _WEIGHTS


def origin(tensor: Any) -> Any:
    """The tensor whose memory it is."""
    while tensor.op.type in _SAME_MEMORY:
        tensor = tensor.op.inputs[0]
    return tensor


def size_in_bytes(tensor: Any) -> int:
    """0 for handles, texts, and sizes known only when it runs."""
    kind = tensor.dtype
    is_numeric = kind.is_floating or kind.is_complex or kind.is_integer or kind.is_bool
    return kind.size * (tensor.shape.num_elements() or 0) if is_numeric else 0
