"""Runs the graph that lies beside a TensorFlow 1 checkpoint, as far as it only computes."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from kerazoo.convert._tf1_checkpoint import open_checkpoint, read_value
from kerazoo.errors import ConversionError
from kerazoo.foreign.program_scan import allowed_operations

VARIABLES = {"VariableV2", "Variable", "VarHandleOp"}


def run_tf1_graph(
    prefix: str | os.PathLike[str], output: str, feeds: Mapping[str, np.ndarray]
) -> np.ndarray:
    """The tensor `output` of the graph in `prefix`.meta, with the checkpoint's values.

    Only the operations that the output needs are imported. Each must be on kerazoo.hub's list of
    those that touch no files and call no other programs, and the variables' values are fed:
    what restores and initializes them is not run.

    Raises:
        ConversionError: no such graph or tensor, or an operation that is not on the list.
    """
    import tensorflow as tf
    from google.protobuf.message import DecodeError

    meta = tf.compat.v1.MetaGraphDef()
    try:
        with open(f"{os.fspath(prefix)}.meta", "rb") as file:
            meta.ParseFromString(file.read())
        needed = _needed_by(output.split(":")[0], meta.graph_def)
    except OSError as error:
        raise ConversionError(f"There is no graph to compare with: {error.filename}.") from error
    except (DecodeError, KeyError) as error:
        raise ConversionError(
            f"The graph of {os.fspath(prefix)!r} has no {output!r}, or is damaged."
        ) from error
    _check(needed)
    graph = tf.Graph()
    with graph.as_default():
        try:
            tf.import_graph_def(needed, name="")
            values = {graph.get_tensor_by_name(name): value for name, value in feeds.items()}
            values |= _variables(graph, open_checkpoint(prefix))
            with tf.compat.v1.Session() as session:
                return np.asarray(session.run(graph.get_tensor_by_name(output), values))
        except (tf.errors.OpError, KeyError, ValueError, TypeError) as error:
            problem = " ".join(str(error).split())[:300]
            raise ConversionError(f"The graph cannot be run up to {output!r}: {problem}") from error


def _needed_by(name: str, graph_def: Any) -> Any:
    """The part of the graph that leads to the node."""
    nodes = {node.name: node for node in graph_def.node}
    needed: dict[str, Any] = {}
    waiting = [name]
    while waiting:
        at = waiting.pop().lstrip("^").split(":")[0]
        if at not in needed:
            needed[at] = nodes[at]
            waiting += nodes[at].input
    part = type(graph_def)()
    part.library.CopyFrom(graph_def.library)
    part.versions.CopyFrom(graph_def.versions)
    part.node.extend(needed.values())
    return part


def _check(graph_def: Any) -> None:
    bodies = [graph_def.node, *(function.node_def for function in graph_def.library.function)]
    allowed = allowed_operations() | VARIABLES
    functions = {function.signature.name for function in graph_def.library.function}
    for node in (node for body in bodies for node in body):
        if node.op not in allowed | functions:
            raise ConversionError(
                f"The graph holds the operation {node.op} (in {node.name!r}), which is not on the "
                "list of those that only compute: it is not run."
            )


def _variables(graph: Any, reader: Any) -> dict[Any, np.ndarray]:
    """What to feed for each variable: itself, or of a resource whatever reads it."""
    values = {}
    for operation in graph.get_operations():
        if operation.type in ("VariableV2", "Variable"):
            values[operation.outputs[0]] = read_value(reader, operation.name)
        elif operation.type == "ReadVariableOp":
            values[operation.outputs[0]] = read_value(reader, operation.inputs[0].op.name)
    return values
