"""Reads a traced function, and what Grappler makes of it, into `Graph`s."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from kerazoo.inspect._called_functions import called, function_graph
from kerazoo.inspect._grappler import Optimized, optimize
from kerazoo.inspect._operation_order import in_order
from kerazoo.inspect._tracing import Trace
from kerazoo.inspect.dataflow import Graph
from kerazoo.inspect.graph_parts import Edge, Node, Tensor, Variable


def read_function(trace: Trace) -> Graph:
    """The graph of a trace; `after` is made when it is asked for."""
    function = trace.function
    scopes = _layer_scopes(trace)
    variables = _variables(trace)
    held = {variable.node for variable in variables}
    inputs = tuple(tensor.op.name for tensor in function.inputs if tensor.op.name not in held)
    before: Graph = _read(
        function.graph.get_operations(),
        scopes,
        name=trace.name,
        variables=variables,
        inputs=inputs,
        outputs=tuple(map(port, function.outputs)),
        functions=_traced_functions(function.graph.get_operations(), scopes, {}),
        optimize=lambda: _read_optimized(before, optimize(function), scopes),
    )
    return before


def _read_optimized(before: Graph, made: Optimized, scopes: Collection[str]) -> Graph:
    import tensorflow as tf

    with tf.Graph().as_default() as graph:
        tf.graph_util.import_graph_def(made.definition, name="")
    return _read(
        graph.get_operations(),
        scopes,
        known={node.name: node.outputs for node in before.nodes},
        name=before.name,
        variables=before.variables,
        inputs=before.inputs,
        outputs=made.outputs,
        functions=_left(before, made.definition.library),
        is_optimized=True,
    )


def _read(
    operations: Iterable[Any],
    scopes: Collection[str],
    known: Mapping[str, tuple[Tensor, ...]] | None = None,
    **fields: Any,
) -> Graph:
    """A graph of TensorFlow operations. `known`: the outputs of nodes whose shapes are known from
    before, since Grappler's own operations do not tell them."""
    operations = in_order(operations)
    order = {operation.name: index for index, operation in enumerate(operations)}
    return Graph(
        nodes=tuple(_node(each, _scope(each.name, scopes, order), known) for each in operations),
        edges=tuple(
            Edge(tensor.op.name, each.name, tensor.value_index, place)
            for each in operations
            for place, tensor in enumerate(each.inputs)
        ),
        control_edges=tuple(
            (first, each.name)
            for each in operations
            for first in sorted((one.name for one in each.control_inputs), key=order.__getitem__)
        ),
        **fields,
    )


def _node(operation: Any, scope: str, known: Mapping[str, tuple[Tensor, ...]] | None) -> Node:
    outputs = tuple(Tensor(tensor.dtype.name, _shape(tensor)) for tensor in operation.outputs)
    earlier = (known or {}).get(operation.name, ())
    if [each.dtype for each in earlier] == [each.dtype for each in outputs]:
        outputs = earlier
    attributes = operation.node_def.attr
    fused = attributes["fused_ops"].list.s if "fused_ops" in attributes else ()
    return Node(
        name=operation.name,
        op=operation.type,
        outputs=outputs,
        scope=scope,
        functions=called(operation),
        fused=tuple(name.decode() for name in fused),
    )


def port(tensor: Any) -> str:
    """The node that gives the tensor; "name:1" for the second output of one."""
    return tensor.op.name + (f":{tensor.value_index}" if tensor.value_index else "")


def _shape(tensor: Any) -> tuple[int | None, ...] | None:
    return None if tensor.shape.rank is None else tuple(tensor.shape.as_list())


def _traced_functions(
    operations: Iterable[Any], scopes: Collection[str], found: dict[str, Graph]
) -> dict[str, Graph]:
    """The functions that operations call, and what these call; fills and returns `found`."""
    for operation in operations:
        for name in called(operation).values():
            graph = function_graph(operation, name)
            if name not in found and graph is not None:
                found[name] = _read_one(name, graph, scopes)
                _traced_functions(graph.get_operations(), scopes, found)
    return found


def _left(before: Graph, library: Any) -> dict[str, Graph]:
    """The functions of an optimized graph; Grappler may have made some of its own."""
    from tensorflow.python.framework.function_def_to_graph import function_def_to_graph

    found = {}
    for definition in library.function:
        name = definition.signature.name
        known = before.functions.get(name)
        found[name] = known or _read_one(name, function_def_to_graph(definition), ())
    return found


def _read_one(name: str, graph: Any, scopes: Collection[str]) -> Graph:
    return _read(
        graph.get_operations(),
        scopes,
        name=name,
        variables=(),
        inputs=tuple(tensor.op.name for tensor in graph.inputs),
        outputs=tuple(map(port, graph.outputs)),
    )


def _variables(trace: Trace) -> tuple[Variable, ...]:
    graph = trace.function.graph
    nodes = {id(outer): inner.op.name for outer, inner in graph.captures}
    found = []
    place = {operation.name: index for index, operation in enumerate(graph.get_operations())}
    for variable in graph.variables:
        if id(variable.handle) in nodes:
            tensor = Tensor(variable.dtype.name, tuple(variable.shape.as_list()))
            name = trace.paths.get(id(variable.handle), variable.name.partition(":")[0])
            node = nodes[id(variable.handle)]
            found.append(Variable(name, tensor, bool(variable.trainable), node))
    return tuple(sorted(found, key=lambda variable: place[variable.node]))


def _layer_scopes(trace: Trace) -> frozenset[str]:
    """The name scopes that Keras layers opened."""
    found = {scope for key in trace.layers for _, scope in trace.calls(*key)[-1:]}
    return frozenset(found - {""})


def _scope(name: str, scopes: Collection[str], names: Collection[str]) -> str:
    """The innermost layer's scope around the node; without layers, the scope as it stands in the
    name, less what is only another node's ("MatMul/ReadVariableOp")."""
    scope = name.rpartition("/")[0]
    while scope and (scope in names or (scopes and scope not in scopes)):
        scope = scope.rpartition("/")[0]
    return scope
