"""Whether a `tf.data.Dataset` gives the same batches wherever it is made.

Told by its parts as Python has them: tf.data could write the dataset down, with all arrays in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import tensorflow as tf

_PYTHON = ("PyFunc", "PyFuncStateless", "EagerPyFunc")


def is_unordered(dataset: tf.data.Dataset) -> bool:
    """Whether elements may come in the order in which threads are done with them."""
    if dataset.options().deterministic is False:
        return True
    return any(
        getattr(one, "_deterministic", "") == "false"
        or any(node.attr["deterministic"].s == b"false" for node, _ in _operations(one))
        for one in _datasets(dataset)
    )


def is_unseeded(dataset: tf.data.Dataset) -> bool:
    """Whether it draws random numbers, or runs Python that may, by no seed that others could have:
    neither one of its own, nor, for Python, that of `keras.utils.set_random_seed`."""
    from tensorflow.python.eager import context

    unknown = () if context.global_seed() is not None else _PYTHON
    for one in _datasets(dataset):
        if hasattr(one, "_seed") and not (int(one._seed) or int(one._seed2)):
            return True
        for node, constants in _operations(one):
            if node.op in unknown or _seeds(node, constants) == [0, 0]:
                return True
    return False


def _datasets(dataset: Any) -> Iterator[Any]:
    """It, and all that it is made of."""
    yield dataset
    for one in dataset._inputs():
        yield from _datasets(one)


def _operations(dataset: Any) -> Iterator[tuple[Any, dict[str, Any]]]:
    """Those of the functions that it calls, each with the constants beside it, by name."""
    for function in dataset._functions():
        graph = function.function.graph.as_graph_def()
        for nodes in (graph.node, *(one.node_def for one in graph.library.function)):
            constants = {node.name: node for node in nodes if node.op == "Const"}
            for node in nodes:
                yield node, constants


def _seeds(node: Any, constants: dict[str, Any]) -> list[int] | None:
    """The two of an operation; zeros if it shall take any. None if it has none, or no fixed one."""
    import tensorflow as tf

    if "seed2" in node.attr:
        return [node.attr["seed"].i, node.attr["seed2"].i]
    if not node.op.startswith("ShuffleDataset"):
        return None
    given = [constants.get(name.partition(":")[0]) for name in node.input[2:4]]
    return [int(tf.make_ndarray(one.attr["value"].tensor)) if one else 1 for one in given]
