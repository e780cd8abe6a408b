"""`kerazoo.inspect.graph` against TensorFlow's own GraphDef, and against what its runtime runs."""

import doctest
from collections import Counter

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.eager import context

from kerazoo import inspect
from kerazoo.errors import ConfigError, DataError
from kerazoo.inspect import graph

KL = keras.layers


@tf.function
def powers(x, times):
    for _ in tf.range(times):
        x = x * 2.0 if tf.reduce_sum(x) > 3.0 else tf.reduce_max(x) + x
    return x


def concrete(model):
    """The model as TensorFlow traces it, without kerazoo."""
    spec = tf.TensorSpec((None, *model.input_shape[1:]))
    call = tf.function(lambda inputs: model(inputs, training=False), autograph=False)
    return call.get_concrete_function(spec)


def parsed(definition):
    """Nodes, edges and control edges of a GraphDef, from its text alone."""
    edges, control = [], []
    for node in definition.node:
        for place, given in enumerate(node.input):
            if given.startswith("^"):
                control.append((given[1:], node.name))
            else:
                source, _, output = given.partition(":")
                edges.append((source, node.name, int(output or 0), place))
    return {node.name: node.op for node in definition.node}, edges, control


def model_of(name, request):
    return request.getfixturevalue(name)


@pytest.mark.parametrize("which", ["cnn", "recurrent", "powers"])
def test_it_is_the_graph_that_tensorflow_has(which, request):
    if which == "powers":
        function = powers.get_concrete_function(
            tf.TensorSpec((None, 3)), tf.TensorSpec((), "int32")
        )
    else:
        function = concrete(model_of(which, request))
    definition = function.graph.as_graph_def(add_shapes=True)
    nodes, edges, control = parsed(definition)
    found = graph(function)
    assert {node.name: node.op for node in found.nodes} == nodes
    assert sorted((e.source, e.target, e.output, e.input) for e in found.edges) == sorted(edges)
    assert sorted(found.control_edges) == sorted(control)
    assert set(found.functions) == {each.signature.name for each in definition.library.function}
    for node in definition.node:
        shapes = node.attr["_output_shapes"].list.shape
        expected = [
            None if one.unknown_rank else tuple(None if d.size < 0 else d.size for d in one.dim)
            for one in shapes
        ]
        assert [tensor.shape for tensor in found.node(node.name).outputs] == expected


def test_a_model_is_traced_in_inference_with_its_layers_and_variables(cnn):
    found = graph(cnn)
    expected = concrete(cnn).graph.as_graph_def()
    assert Counter(node.op for node in found.nodes) == Counter(node.op for node in expected.node)
    by_op = {node.op: node for node in found.nodes}
    assert by_op["Conv2D"].scope.split("/")[-1].startswith("conv")
    assert by_op["MatMul"].scope.split("/")[-1].startswith("head")
    assert by_op["Conv2D"].outputs[0].shape == (None, 10, 10, 4)
    shapes = {variable.name: variable.tensor.shape for variable in found.variables}
    assert shapes == {weight.path: tuple(weight.shape) for weight in cnn.weights}
    trainable = {variable.name for variable in found.variables if variable.trainable}
    assert trainable == {weight.path for weight in cnn.trainable_weights}
    assert [found.node(name).op for name in found.inputs + found.outputs] == [
        "Placeholder",
        "Identity",
    ]


def ran(function, *values):
    """Operations of the graph that the runtime executed when the function was called."""
    context.enable_run_metadata()
    try:
        function(*values)
        graphs = context.export_run_metadata().function_graphs
    finally:
        context.disable_run_metadata()
    return Counter(node.op for node in graphs[-1].post_optimization_graph.node)


@pytest.mark.parametrize("which", ["cnn", "residual", "recurrent"])
def test_after_grappler_is_what_the_runtime_runs(which, request):
    model = model_of(which, request)
    function = concrete(model)
    expected = ran(function, tf.zeros((1, *model.input_shape[1:])))
    found = Counter(node.op for node in graph(function).after.nodes)
    ends = ("_Arg", "_Retval", "Placeholder", "NoOp")  # NoOps hold a written-out loop together
    assert {op: n for op, n in found.items() if op not in ends} == {
        op: n for op, n in expected.items() if op not in ends
    }


def test_changes_tell_of_every_node_what_became_of_it(cnn, recurrent):
    changes = graph(cnn).changes
    assert changes.fused == {("Conv2D", "BiasAdd", "Relu"): 1, ("MatMul", "BiasAdd"): 1}
    for model in (cnn, recurrent):
        found = graph(model)
        changes, kept = found.changes, {node.name for node in found.after.nodes}
        fused = [name for names in changes.fused_nodes.values() for name in names]
        told = Counter(
            [*changes.removed, *changes.folded, *fused, *changes.written_out, *changes.replaced]
        )
        assert max(told.values()) == 1
        ops = {node.name: node.op for node in found.nodes}
        assert set(told) == {
            name for name in ops if name not in kept or found.after.node(name).op != ops[name]
        }
        assert set(changes.added) == kept - set(ops)
    assert len(changes.written_out) == 1
    assert found.node(changes.written_out[0]).op == "While"


def test_constants_are_folded():
    def call(x):
        return x + tf.reduce_sum(tf.cast(tf.range(4), "float32") * 2.0)

    found = graph(call, tf.TensorSpec((3,)))
    folded = {found.node(name).op for name in found.changes.folded}
    assert folded == {"Range", "Cast", "Mul", "Sum"}


@pytest.mark.parametrize("stage", ["before", "after", "inlined"])
def test_nodes_come_in_an_order_that_can_be_executed(recurrent, stage):
    found = graph(recurrent)
    found = {"before": found, "after": found.after, "inlined": found.inlined()}[stage]
    place = {node.name: index for index, node in enumerate(found.nodes)}
    assert len(place) == len(found.nodes)
    for edge in found.edges:
        goes_back = found.node(edge.source).op == "NextIteration"
        assert goes_back or place[edge.source] < place[edge.target]


def test_inlined_functions_are_connected_where_they_are_called():
    found = graph(powers, tf.TensorSpec((3,)), 4)
    inside = found.inlined()
    (loop,) = (node for node in found.nodes if node.functions)
    body = found.functions[loop.functions["body"]]
    (branch,) = (node for node in body.nodes if node.functions)
    names = {node.name for node in inside.nodes}
    assert {f"{loop.name}/body/{node.name}" for node in body.nodes} <= names
    deep = f"{loop.name}/body/{branch.name}"
    assert any(name.startswith(f"{deep}/then_branch/") for name in names)
    # The argument that x is: from the function's input, through the loop's, into the branch's.
    first = next(e for e in inside.edges if e.source == "x" and "/body/" in e.target)
    assert any(
        edge.source == first.target and edge.target.startswith(deep) for edge in inside.edges
    )
    assert all(edge.source in names and edge.target in names for edge in inside.edges)
    assert inside.functions == {}
    assert inside.after == found.after.inlined()


def test_inputs_may_be_examples_specs_and_structures():
    @tf.function
    def call(pair, scale):
        return pair["a"] @ pair["b"] * scale

    examples = {"a": np.ones((2, 3), "float32"), "b": tf.TensorSpec((3, None))}
    found = graph(call, examples, 2.0)
    assert found.node(found.outputs[0]).outputs[0].shape == (2, None)
    rows = graph(tf.reduce_sum, tf.ragged.constant([[1.0, 2.0], [3.0]]))
    assert len(rows.inputs) == 2  # a ragged tensor is its values and where its rows begin
    layer = KL.Dense(4)
    assert graph(layer, keras.KerasTensor((5, 3))).variables[0].tensor.shape == (3, 4)
    model = keras.Sequential([KL.Dense(2)])
    assert len(graph(model, np.ones((1, 3))).variables) == 2
    assert model.built
    images, words = keras.Input((4,), name="images"), keras.Input((3,), name="words")
    two = keras.Model({"images": images, "words": words}, KL.Concatenate()([images, words]))
    assert len(graph(two).inputs) == 2


class OwnCall(keras.Model):
    def call(self, inputs):
        return inputs * 2


def fails(x):
    raise RuntimeError("from within\nthe function")


@pytest.mark.parametrize(
    ("target", "inputs", "error", "message"),
    [
        (keras.Sequential([KL.Dense(2)], name="raw"), (), ConfigError, "'raw' has no inputs"),
        (OwnCall(name="own"), (), ConfigError, "'own' has no inputs"),
        (OwnCall, (), ConfigError, "Expected a keras.Model"),
        ("mnist_cnn", (), ConfigError, "Received: 'mnist_cnn'"),
        (lambda x: x, (object(),), DataError, "must be an array, a tensor or a tf.TensorSpec"),
        (lambda x: x, (), DataError, "inputs (none)"),
        (fails, (1.0,), DataError, "from within the function"),
        (powers.get_concrete_function(tf.TensorSpec((3,)), 2), (1.0,), DataError, "traced already"),
        (
            keras.Sequential([keras.Input((4,)), KL.Dense(2)], name="four"),
            (tf.TensorSpec((1, 5)),),
            DataError,
            "'four' cannot be traced with the inputs float32(1, 5)",
        ),
    ],
)
def test_what_cannot_be_traced_is_one_line(target, inputs, error, message):
    with pytest.raises(error) as raised:
        graph(target, *inputs)
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def test_other_backends_have_no_tensorflow_graph(cnn, monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    for look in (graph, inspect.profile):
        with pytest.raises(ConfigError, match="KERAS_BACKEND=tensorflow"):
            look(cnn)


@pytest.mark.parametrize("name", ["graph", "profile"])
def test_the_example_gives_what_it_says(name):
    names = {"keras": keras}
    (examples,) = doctest.DocTestFinder(recurse=False).find(getattr(inspect, name), globs=names)
    failures = []
    doctest.DocTestRunner(verbose=False).run(examples, out=failures.append)
    assert examples.examples
    assert not failures, "".join(failures)
