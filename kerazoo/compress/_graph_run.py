"""A graph run call by call over a set of samples, so that a call can be looked at or replaced."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import tree

from kerazoo.compress._graph import Graph
from kerazoo.compress._node import Node, Value, values_in

BATCH_SIZE = 128


class GraphRun:
    """The values of a graph for some samples; each is dropped when its last consumer has run.

    They are held by batches of samples, since a value may have more or fewer rows than samples.

    Args:
        graph: whose nodes are run in their order, each once.
        samples: an array for each input.
    """

    def __init__(self, graph: Graph, samples: list[np.ndarray]):
        inputs = values_in(graph.inputs)
        rows = len(samples[0])
        is_open = all(value.shape[0] is None for value in inputs)
        self.starts = range(0, rows, BATCH_SIZE if is_open else rows)
        self.parts: dict[int, list[np.ndarray]] = {}
        self.waiting = {
            id(value): len(value.consumers) for node in graph.nodes for value in node.outputs
        }
        for value, array in zip(inputs, samples, strict=True):
            array = array.astype(value.dtype)
            self.parts[id(value)] = [array[i : i + self.starts.step] for i in self.starts]

    def run(self, node: Node, operation: Any = None) -> list[np.ndarray]:
        """The outputs of `node`, in inference; `operation` is called in place of its own."""
        operation = operation or node.operation
        batches = [self._call(node, operation, batch) for batch in range(len(self.starts))]
        for value, parts in zip(node.outputs, zip(*batches, strict=True), strict=True):
            self.parts[id(value)] = list(parts)
        self._drop_inputs(node)
        return [self._joined(value) for value in node.outputs]

    def inputs(self, node: Node) -> list[np.ndarray]:
        """What `node` would be called with: to be asked before it is run."""
        return [self._joined(value) for value in node.inputs]

    def _joined(self, value: Value) -> np.ndarray:
        parts = self.parts[id(value)]
        return np.concatenate(parts) if value.shape[:1] == (None,) else parts[0]

    def _call(self, node: Node, operation: Any, batch: int) -> list[np.ndarray]:
        def part_of(leaf: Any) -> Any:
            is_value = isinstance(leaf, Value)
            return keras.ops.convert_to_tensor(self.parts[id(leaf)][batch]) if is_value else leaf

        args, kwargs = tree.map_structure(part_of, (node.args, node.kwargs))
        if "training" in getattr(operation, "_call_context_args", ()):
            kwargs["training"] = False
        return [keras.ops.convert_to_numpy(x) for x in tree.flatten(operation(*args, **kwargs))]

    def _drop_inputs(self, node: Node) -> None:
        for value in node.inputs:
            self.waiting[id(value)] -= 1
            if not self.waiting[id(value)] and not value.is_output:
                self.parts.pop(id(value), None)
