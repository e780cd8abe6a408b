"""The calls of layers in a functional or Sequential model, of Keras 3 or of Keras 2 alike."""

from __future__ import annotations

from typing import Any, NamedTuple


class ModelCall(NamedTuple):
    """Call number `number` (from 0) of a layer, and the symbolic tensors it takes and gives."""

    layer: Any
    number: int
    inputs: list[Any]
    outputs: list[Any]

    @property
    def key(self) -> tuple[str, int]:
        """What the two models have in common; Keras 3 allows no "/" in names."""
        return self.layer.name.replace("/", "_"), self.number


def calls_of(model: Any) -> list[ModelCall]:
    """All calls in an order in which they can be made, without those of the inputs."""
    graph = graph_of(model)
    by_depth = graph._nodes_by_depth
    nodes = [node for depth in sorted(by_depth, reverse=True) for node in by_depth[depth]]
    inside = {id(node) for node in nodes}
    calls = []
    for node in nodes:
        if node.is_input:
            continue
        layer = node.operation if hasattr(node, "operation") else node.layer
        own = [id(other) for other in layer._inbound_nodes if id(other) in inside]
        taken = node.keras_inputs if hasattr(node, "keras_inputs") else node.input_tensors
        calls.append(ModelCall(layer, own.index(id(node)), list(taken), _flat(node.outputs)))
    return calls


def graph_of(model: Any) -> Any:
    """The functional model that a Sequential of Keras 3 holds; any other model itself."""
    return getattr(model, "_functional", None) or model


def _flat(structure: Any) -> list[Any]:
    if isinstance(structure, dict):
        return [leaf for key in sorted(structure) for leaf in _flat(structure[key])]
    if isinstance(structure, list | tuple):
        return [leaf for part in structure for leaf in _flat(part)]
    return [structure]
