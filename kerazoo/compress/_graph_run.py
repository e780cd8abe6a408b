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

    Args:
        graph: whose nodes are run in their order, each once.
        samples: an array for each input.
    """

    def __init__(self, graph: Graph, samples: list[np.ndarray]):
        self.rows = len(samples[0])
        self.values: dict[int, Any] = {}
        self.waiting = {
            id(value): len(value.consumers) for node in graph.nodes for value in node.outputs
        }
        entries = [node for node in graph.nodes if node.is_input]
        by_id = dict(zip(map(id, values_in(graph.inputs)), samples, strict=True))
        for node in entries:
            self.values[id(node.output)] = by_id[id(node.output)].astype(node.output.dtype)

    def run(self, node: Node, operation: Any = None) -> list[np.ndarray]:
        """The outputs of `node`, in inference; `operation` is called in place of its own."""
        operation = operation or node.operation
        parts = [self._call(node, operation, start) for start in range(0, self.rows, BATCH_SIZE)]
        outputs = [
            np.concatenate(part) if value.shape[:1] == (None,) else part[0]
            for value, part in zip(node.outputs, zip(*parts, strict=True), strict=True)
        ]
        self.values.update(zip(map(id, node.outputs), outputs, strict=True))
        self._drop_inputs(node)
        return outputs

    def inputs(self, node: Node) -> list[np.ndarray]:
        """What `node` would be called with: to be asked before it is run."""
        return [self.values[id(value)] for value in node.inputs]

    def _call(self, node: Node, operation: Any, start: int) -> list[np.ndarray]:
        def rows_of(leaf: Any) -> Any:
            if not isinstance(leaf, Value):
                return leaf
            array = self.values[id(leaf)]
            has_rows = leaf.shape[:1] == (None,)
            return keras.ops.convert_to_tensor(
                array[start : start + BATCH_SIZE] if has_rows else array
            )

        args, kwargs = tree.map_structure(rows_of, (node.args, node.kwargs))
        if "training" in getattr(operation, "_call_context_args", ()):
            kwargs["training"] = False
        return [keras.ops.convert_to_numpy(x) for x in tree.flatten(operation(*args, **kwargs))]

    def _drop_inputs(self, node: Node) -> None:
        for value in node.inputs:
            self.waiting[id(value)] -= 1
            if not self.waiting[id(value)] and not value.is_output:
                self.values.pop(id(value), None)
