"""The functions that operations call: the bodies of loops, branches, nested `tf.function`s."""

from __future__ import annotations

from typing import Any

FIRST_ARGUMENT = {
    **dict.fromkeys(("PartitionedCall", "StatefulPartitionedCall"), 0),
    **dict.fromkeys(("While", "StatelessWhile"), 0),
    **dict.fromkeys(("If", "StatelessIf", "Case", "StatelessCase"), 1),  # input 0 chooses
}
"""Operation that calls functions -> which of its inputs is their first argument."""


def called(operation: Any) -> dict[str, str]:
    """Role -> name of each function that an operation calls: {"body": ..., "cond": ...}."""
    found = {}
    attributes = operation.node_def.attr
    for role in sorted(attributes):
        value = attributes[role]
        if value.func.name:
            found[role] = value.func.name
        for number, function in enumerate(value.list.func):
            found[f"{role}_{number}"] = function.name
    return found


def function_graph(operation: Any, name: str) -> Any:
    """The graph of a function as it was traced, with its shapes; None where TensorFlow does not
    keep it (gradients, graphs that are read from files)."""
    graph = operation.graph
    if not graph._is_function(name):
        return None
    return getattr(graph._get_function(name), "graph", None)
