"""Any tensor of a model's graph can be read, and replaced by given values."""

import re

import keras
import numpy as np
import pytest

from kerazoo.exporters.frozen_graph import FrozenGraph
from kerazoo.exporters.interface import describe


@pytest.fixture(scope="module")
def graph():
    inputs = keras.Input((3,), name="x")
    x = keras.layers.Rescaling(1.0, offset=1.0, name="plus")(inputs)
    x = keras.layers.Rescaling(2.0, name="twice")(x)
    outputs = [keras.layers.ReLU(name=name)(x) for name in ("relu", "same")]
    outputs.append(keras.layers.ReLU(6, name="relu6")(x))
    model = keras.Model(inputs, outputs, name="net")
    return FrozenGraph(model, describe(model), rows=2)


def last_of(graph, layer):
    """Its last operation that gives what the layer gives: Keras looks at shapes as well."""
    own = [name for name in graph.order if re.match(rf"net(_\d+)?/{layer}(_\d+)?/", name)]
    return [name for name in own if graph.shape(name) == (2, 3)][-1]


def test_the_whole_model_is_computed(graph):
    x = np.array([[1.0, -3.0, 0.5], [0.0, 2.0, -1.0]], "float32")
    output = graph.outputs["relu"]
    values = graph.run({graph.inputs["x"]: x}, [output])
    np.testing.assert_allclose(values[output], np.maximum(2 * (x + 1), 0))


def test_a_replaced_tensor_is_read_in_its_place_and_still_computed(graph):
    x, other = np.ones((2, 3), "float32"), np.full((2, 3), 10.0, "float32")
    plus, output = last_of(graph, "plus"), graph.outputs["relu"]
    values = graph.run({graph.inputs["x"]: x, plus: other}, [plus, output])
    np.testing.assert_allclose(values[plus], x + 1)
    np.testing.assert_allclose(values[output], 2 * other)


def test_weights_are_constants_and_all_shapes_are_known():
    inputs = keras.Input((8, 8, 4), name="x")
    x = keras.layers.Conv2D(8, 3, groups=2, name="grouped")(inputs)  # XLA computes it on CPUs
    model = keras.Model(inputs, keras.layers.Flatten(name="flat")(x))
    graph = FrozenGraph(model, describe(model), rows=2)
    assert graph.shape(graph.outputs["flat"]) == (2, 6 * 6 * 8)
    x = np.random.default_rng(0).normal(size=(2, 8, 8, 4)).astype("float32")
    values = graph.run({graph.inputs["x"]: x}, [graph.outputs["flat"]])
    np.testing.assert_allclose(values[graph.outputs["flat"]], model(x), rtol=1e-4, atol=1e-5)


def test_only_what_depends_on_the_inputs_has_a_place(graph):
    assert graph.order[graph.inputs["x"]] == 0
    assert all(
        any(maker in graph.order for maker in graph.makers(name))
        for name in graph.order
        if name not in graph.inputs.values()
    )


def test_operations_that_compute_the_same_from_the_same_are_twins(graph):
    relu, same, relu6 = (last_of(graph, name) for name in ("relu", "same", "relu6"))
    assert graph.twins(relu) == graph.twins(same)
    assert {relu, same} <= set(graph.twins(relu))
    assert relu6 not in graph.twins(relu)
    assert graph.twins(graph.inputs["x"]) == [graph.inputs["x"]]
