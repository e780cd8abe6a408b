"""Runs Grappler, TensorFlow's graph optimizer, on a traced function as the runtime would."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

_DEVICE = "/job:localhost/replica:0/task:0/device:CPU:0"
"""Fusing depends on the device: without one, nothing is fused."""


@dataclass(frozen=True)
class Optimized:
    """What Grappler made: TensorFlow's GraphDef, and where in it each result comes from."""

    definition: Any
    outputs: tuple[str, ...]


def optimize(function: Any) -> Optimized:
    """Optimize a ConcreteFunction for this machine's CPU, with the options that TensorFlow has
    now (`tf.config.optimizer`). Weights stay variables, so nothing is calculated from them.

    TensorFlow does so when a function is first called. It keeps the result to itself, so
    it is made once more here. Seen to differ: where an input of the function is itself one of three
    tensors that are added up, the runtime makes one AddN of the sums, and this does not.
    """
    from tensorflow.core.protobuf import meta_graph_pb2
    from tensorflow.python.eager import context
    from tensorflow.python.grappler import tf_optimizer

    definition = function.graph.as_graph_def(add_shapes=True)
    results = _with_ends(definition, function)
    kept = [tensor.op.name for tensor in function.inputs] + results
    kept += [operation.name for operation in function.graph.control_outputs]
    if not kept:  # nothing goes in, nothing comes out
        return Optimized(function.graph.as_graph_def(), ())
    meta_graph = meta_graph_pb2.MetaGraphDef()
    meta_graph.graph_def.CopyFrom(definition)
    meta_graph.collection_def["train_op"].node_list.value.extend(dict.fromkeys(kept))
    config = context.context().config
    made = tf_optimizer.OptimizeGraph(config, meta_graph, verbose=False)
    return _without_ends(made, results, function)


def _with_ends(definition: Any, function: Any) -> list[str]:
    """Make arguments and results what the runtime has for them; returns the results' names."""
    from tensorflow.python.ops import handle_data_util

    arguments = {tensor.op.name: place for place, tensor in enumerate(function.inputs)}
    for node in definition.node:
        node.device = node.device or _DEVICE
        if node.name in arguments:
            place = arguments[node.name]
            kind = node.attr["dtype"].type
            del node.attr["dtype"], node.attr["shape"]
            node.op = "_Arg"
            node.attr["T"].type = kind
            node.attr["index"].i = place
            handle = handle_data_util.get_resource_handle_data(function.inputs[place])
            for each in handle.shape_and_type if handle is not None and handle.is_set else ():
                node.attr["_handle_dtypes"].list.type.append(each.dtype)
                node.attr["_handle_shapes"].list.shape.add().CopyFrom(each.shape)
    results = []
    for place, tensor in enumerate(function.outputs):
        node = definition.node.add(name=f"kerazoo_result_{place}", op="_Retval", device=_DEVICE)
        node.input.append(tensor.name)
        node.attr["T"].type = tensor.dtype.as_datatype_enum
        node.attr["index"].i = place
        results.append(node.name)
    return results


def _without_ends(made: Any, results: list[str], function: Any) -> Optimized:
    """Arguments are placeholders again, with their shapes, and results are nodes' outputs."""
    arguments = {tensor.op.name: tensor for tensor in function.inputs}
    ends = {node.name: node.input[0] for node in made.node if node.name in results}
    definition = type(made)(library=made.library, versions=made.versions)
    for node in made.node:
        if node.name in ends:
            continue
        added = definition.node.add()
        added.CopyFrom(node)
        added.device = ""
        if node.name in arguments:
            tensor = arguments[node.name]
            added.op = "Placeholder"
            added.attr.clear()
            added.attr["dtype"].type = tensor.dtype.as_datatype_enum
            added.attr["shape"].shape.CopyFrom(tensor.shape.as_proto())
    return Optimized(definition, tuple(ends[name] for name in results))
