"""Adds up the FLOPs of a trace, layer by layer."""

from __future__ import annotations

from collections import Counter
from typing import Any

from kerazoo.inspect._flops import flops
from kerazoo.inspect._loops import is_loop, turns
from kerazoo.inspect._operation_order import in_order
from kerazoo.inspect._sized_functions import called_graphs
from kerazoo.inspect._tracing import Call, Trace


class FlopCount:
    """FLOPs of all that a trace needs for its results and effects.

    Attributes:
        by_layer: id of a layer -> FLOPs of its own operations, without those of layers inside it.
            What no layer does is the outermost one's.
        scopes: id of a layer -> the name scopes of its calls.
        uncounted: operation that has no rule -> how often it occurs.
        open_loops: names of loops of which the number of turns is not known.
    """

    def __init__(self, trace: Trace):
        self.scopes: dict[int, set[str]] = {}
        self.uncounted: Counter[str] = Counter()
        self.open_loops: list[str] = []
        self._trace = trace
        self.by_layer = self._count(trace.function.graph, ())

    def _count(self, graph: Any, around: tuple[Call, ...], caller: str = "") -> Counter[int]:
        """FLOPs by layer of one run of a graph that the operation `caller` calls, and the calls of
        layers `around` it."""
        found: Counter[int] = Counter()
        for operation in needed(graph):
            calls = self._trace.calls(graph.name, operation.name, around, caller)
            if operation.type not in ("Placeholder", "ReadVariableOp"):  # all read at one place
                for layer, scope in calls:
                    self.scopes.setdefault(id(layer), set()).add(scope)
            graphs = called_graphs(operation)
            if graphs:
                name = f"{caller}/{operation.name}"
                counts = [self._count(each, calls, name) for each in graphs]
                found += self._in_all(operation, counts)
                continue
            count = flops(operation)
            if count is None:
                self.uncounted[operation.type] += 1
            else:
                found[id(calls[-1][0] if calls else self._trace.layer)] += count
        return found

    def _in_all(self, operation: Any, counts: list[Counter[int]]) -> Counter[int]:
        """FLOPs by layer of an operation from those of the functions that it calls."""
        if not is_loop(operation):
            return max(counts, key=Counter.total)  # of branches, the dearest
        count = turns(operation)
        if count is None:
            self.open_loops.append(operation.name)
            count = 1
        of_a_turn: Counter[int] = sum(counts, Counter())  # of body and condition
        return Counter({layer: count * n for layer, n in of_a_turn.items()})


def needed(graph: Any) -> list[Any]:
    """The operations that results or effects of a function depend on, makers before takers. Keras
    traces some others, such as one step of a recurrent layer to see its shapes."""
    waiting = [tensor.op for tensor in graph.outputs] + list(graph.control_outputs)
    found = set()
    while waiting:
        operation = waiting.pop()
        if operation not in found:
            found.add(operation)
            waiting += [tensor.op for tensor in operation.inputs] + list(operation.control_inputs)
    return [operation for operation in in_order(graph.get_operations()) if operation in found]
