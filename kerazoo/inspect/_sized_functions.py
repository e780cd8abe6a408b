"""The functions that operations call, with the sizes that they are called with.

TensorFlow traces a function for any batch, and then calls that trace with one of known size: a
`tf.function` that Keras traced when it built its layer, or one of a SavedModel.
"""

from __future__ import annotations

from typing import Any

from kerazoo.inspect._called_functions import FIRST_ARGUMENT, called, function_graph
from kerazoo.inspect._loops import is_loop
from kerazoo.inspect._operation_order import in_order


def called_graphs(operation: Any) -> list[Any]:
    """The graphs of the functions that an operation calls: as they were traced, or made anew where
    the operation knows sizes that the trace left open."""
    graphs = [function_graph(operation, name) for name in called(operation).values()]
    return [_sized(graph, operation) for graph in graphs if graph is not None]


def _sized(graph: Any, operation: Any) -> Any:
    if operation.type not in FIRST_ARGUMENT:
        return graph
    # A loop's results have the shapes that hold at every turn.
    given = operation.outputs if is_loop(operation) else operation.inputs
    given = list(given)[FIRST_ARGUMENT[operation.type] :]
    if not any(map(_is_narrower, given, graph.inputs)):
        return graph
    if any(each.type == "NextIteration" for each in graph.get_operations()):
        return graph  # a loop that is written out: its makers and takers go round in a circle
    return _made_anew(graph, given)


def _is_narrower(given: Any, wanted: Any) -> bool:
    return given.shape.is_fully_defined() and not wanted.shape.is_fully_defined()


def _made_anew(traced: Any, given: list[Any]) -> Any:
    """The same graph; TensorFlow works out the shapes in it from those of the given tensors."""
    import tensorflow as tf
    from tensorflow.python.framework.func_graph import FuncGraph
    from tensorflow.python.ops.handle_data_util import copy_handle_data

    graph = FuncGraph(traced.name)  # the name under which a Trace knows its layers
    for function in traced._functions.values():
        graph._add_function_recursive(function)
    shapes = {inner.op.name: outer.shape for inner, outer in zip(traced.inputs, given, strict=True)}
    made: dict[str, Any] = {}

    def ours(tensor: Any) -> Any:
        return made[tensor.op.name].outputs[tensor.value_index]

    with graph.as_default():
        for operation in in_order(traced.get_operations()):
            attributes = dict(operation.node_def.attr)
            inputs = [ours(tensor) for tensor in operation.inputs]
            if operation.name in shapes:
                attributes["shape"] = _attribute(shape=shapes[operation.name].as_proto())
            if is_loop(operation):
                attributes["output_shapes"] = _loop_shapes(operation, inputs)
            with tf.control_dependencies([made[each.name] for each in operation.control_inputs]):
                made[operation.name] = graph.create_op(
                    operation.type,
                    inputs,
                    [tensor.dtype for tensor in operation.outputs],
                    name=f"{operation.name}/",  # with the stroke it is taken as it is
                    attrs=attributes,
                )
            for tensor in operation.outputs:
                ours(tensor).set_shape(tensor.shape)
                if tensor.dtype == tf.resource:
                    copy_handle_data(tensor, ours(tensor))
    graph.inputs = [ours(tensor) for tensor in traced.inputs]
    graph.outputs = [ours(tensor) for tensor in traced.outputs]
    graph.control_outputs = [made[each.name] for each in traced.control_outputs]
    return graph


def _loop_shapes(loop: Any, inputs: list[Any]) -> Any:
    """What a loop leaves as it found it has its new shape; what changes its shape stays open."""
    from tensorflow.core.framework.attr_value_pb2 import AttrValue

    shapes = [
        new.shape if str(before.shape) == str(after.shape) else after.shape
        for before, after, new in zip(loop.inputs, loop.outputs, inputs, strict=True)
    ]
    return _attribute(list=AttrValue.ListValue(shape=[shape.as_proto() for shape in shapes]))


def _attribute(**value: Any) -> Any:
    from tensorflow.core.framework.attr_value_pb2 import AttrValue

    return AttrValue(**value)
