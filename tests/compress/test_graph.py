import keras
import numpy as np
import pytest
from keras import layers, ops

import kerazoo
from kerazoo.compress._clone_layer import clone_layer
from kerazoo.compress._composite_layers import is_composite
from kerazoo.compress._graph import Graph
from kerazoo.errors import ConfigError
from kerazoo.layers import ConvNormAct, GhostModule, InvertedResidual, TemporalConvBlock


def random_like(x, seed=0):
    shape = [2, *x.shape[1:]]
    if "int" in x.dtype:
        return np.random.default_rng(seed).integers(0, 5, shape)
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def randomize(model):
    """No weight at its initial value, so that a forgotten one is seen."""
    rng = np.random.default_rng(1)
    for weight in model.weights:
        weight.assign(rng.uniform(0.1, 0.6, weight.shape))


def check_rebuilt(model, expand=None, replace=None):
    """The graph of `model`, whose rebuilt model gave the same outputs with other layers."""
    randomize(model)
    graph = Graph.from_model(model, expand)
    rebuilt = graph.rebuild(replace)
    structure = model.inputs if isinstance(model, keras.Sequential) else model.input
    inputs = keras.tree.map_structure(random_like, structure)
    expected, received = model(inputs), rebuilt(inputs)
    keras.tree.assert_same_structure(expected, received)
    for x, y in zip(keras.tree.flatten(expected), keras.tree.flatten(received), strict=True):
        np.testing.assert_allclose(y, x, atol=1e-6)
    assert rebuilt.name == model.name
    assert rebuilt.output_names == getattr(model, "_functional", model).output_names
    assert not {id(w) for w in model.weights} & {id(w) for w in rebuilt.weights}
    reloaded = keras.Model.from_config(rebuilt.get_config())
    assert len(reloaded.layers) == len(rebuilt.layers)
    return graph, rebuilt


def names(graph):
    return [node.name for node in graph.nodes]


def two_layers(name=None):
    return keras.Sequential(
        [keras.Input((6,)), layers.Dense(4, name="dense"), layers.BatchNormalization(name="norm")],
        name=name,
    )


def test_sequential_in_order():
    graph, rebuilt = check_rebuilt(two_layers("two"))
    assert names(graph)[1:] == ["dense", "norm"]
    assert [layer.name for layer in rebuilt.layers[1:]] == ["dense", "norm"]
    assert [len(node.output.consumers) for node in graph.nodes] == [1, 1, 0]
    assert graph.nodes[-1].output.is_output


def test_nested_models_are_inlined_and_inner_names_make_way():
    middle = keras.Sequential([keras.Input((6,)), two_layers("inner")], name="middle")
    x = keras.Input((6,))
    y = layers.Dense(3, name="dense")(middle(x))
    graph, _ = check_rebuilt(keras.Model(x, y))
    assert names(graph)[1:] == ["inner_dense", "norm", "dense"]


def test_model_called_twice_is_shared():
    inner = two_layers("inner")
    a, b = keras.Input((6,)), keras.Input((6,))
    graph, rebuilt = check_rebuilt(keras.Model([a, b], layers.Add()([inner(a), inner(b)])))
    dense = [node for node in graph.nodes if node.name == "dense"]
    assert [node.call_index for node in dense] == [0, 1]
    assert dense[0].operation is dense[1].operation
    assert graph.calls_of(dense[0].operation) == dense
    assert rebuilt.count_params() == inner.count_params()


def test_inner_model_for_other_sizes_has_the_sizes_it_is_called_with():
    image = keras.Input((None, None, 3))
    inner = keras.Model(image, layers.Conv2D(4, 3)(image))
    x = keras.Input((9, 9, 3))
    graph, _ = check_rebuilt(keras.Model(x, inner(x)))
    assert graph.nodes[-1].output.shape == (None, 7, 7, 4)


def test_shared_layer_has_a_node_for_each_call():
    x = keras.Input((6,))
    shared = layers.Dense(6, name="shared")
    graph, rebuilt = check_rebuilt(keras.Model(x, shared(shared(x))))
    assert names(graph)[1:] == ["shared", "shared"]
    assert len(rebuilt.layers) == 2


def test_dicts_lists_and_an_input_that_is_an_output():
    a, b = keras.Input((6,), name="a"), keras.Input((6,), name="b")
    outputs = {"sum": layers.Add(name="sum")([a, b]), "rest": [b, layers.Dense(2)(a)]}
    graph, rebuilt = check_rebuilt(keras.Model({"a": a, "b": b}, outputs))
    assert set(graph.inputs) == {"a", "b"}
    assert set(rebuilt.input) == {"a", "b"}
    assert graph.inputs["b"].is_output


def test_names_of_outputs_that_were_nested_models():
    x = keras.Input((6,))
    model = keras.Model(x, [two_layers("first")(x), two_layers("second")(x)])
    _, rebuilt = check_rebuilt(model)
    rebuilt.compile("sgd", {"first": "mse", "second": "mae"})
    rebuilt.fit(np.ones((2, 6)), [np.ones((2, 4))] * 2, verbose=0)


def test_nested_dict_of_inputs_by_name():
    a, b = keras.Input((6,), name="a"), keras.Input((6,), name="b")
    inner = keras.Model([a, b], layers.Subtract()([a, b]))
    x, y = keras.Input((6,)), keras.Input((6,))
    check_rebuilt(keras.Model([x, y], inner({"b": x, "a": y})))


def test_operations_are_nodes():
    x = keras.Input((4, 6))
    y = ops.mean(x * 2, axis=1) + ops.concatenate([x, x], axis=1)[:, 3]
    graph, _ = check_rebuilt(keras.Model(x, 1 - y))
    kinds = [type(node.operation).__name__ for node in graph.nodes[1:]]
    assert sorted(kinds) == ["Add", "Concatenate", "GetItem", "Mean", "Multiply", "Subtract"]


def test_arguments_by_keyword():
    x, mask = keras.Input((4, 6)), keras.Input((4, 4), dtype="bool")
    attended = layers.MultiHeadAttention(2, 3)(query=x, value=x, attention_mask=mask)
    sequence, state = layers.GRU(5, return_sequences=True, return_state=True)(attended)
    y = layers.GRU(5)(sequence, initial_state=state)
    graph, _ = check_rebuilt(keras.Model([x, mask], y))
    assert [len(node.inputs) for node in graph.nodes] == [0, 0, 3, 1, 2]


def test_masks_reach_the_layers_they_reached():
    x = keras.Input((5,), dtype="int32")
    y = layers.LSTM(3)(layers.Embedding(5, 4, mask_zero=True)(x))
    check_rebuilt(keras.Model(x, y))


def test_mask_passes_through_a_nested_model():
    inner = keras.Sequential([keras.Input((5, 4)), layers.LSTM(3)])
    x = keras.Input((5,), dtype="int32")
    check_rebuilt(keras.Model(x, inner(layers.Embedding(5, 4, mask_zero=True)(x))))


def test_training_argument_of_a_nested_model_is_handed_down():
    x = keras.Input((6,))
    graph, _ = check_rebuilt(keras.Model(x, two_layers("inner")(x, training=False)))
    assert [node.kwargs.get("training") for node in graph.nodes[1:]] == [False, False]


def test_frozen_nested_model_has_frozen_layers():
    inner = two_layers("inner")
    inner.trainable = False
    x = keras.Input((6,))
    model = keras.Model(x, layers.Dense(2, name="head")(inner(x)))
    graph, rebuilt = check_rebuilt(model)
    assert [node.trainable for node in graph.nodes[1:]] == [False, False, True]
    assert [v.path for v in rebuilt.trainable_variables] == ["head/kernel", "head/bias"]
    assert inner.trainable is False


def test_composite_layers_are_expanded_on_request():
    x = keras.Input((8, 8, 6))
    y = ConvNormAct(6, name="stem")(x)
    y = InvertedResidual(6, se_ratio=0.5, drop_path_rate=0.1, name="block")(y)
    model = keras.Model(x, GhostModule(8, name="ghost")(y))
    graph, rebuilt = check_rebuilt(model, expand=is_composite)
    assert names(graph)[1:4] == ["stem_convolve", "stem_normalize", "stem_activate"]
    assert "block_squeeze_excite_reduce" in names(graph)
    assert not any(type(node.operation).__module__.startswith("kerazoo") for node in graph.nodes
                   if node.name != "block_drop_path")  # fmt: skip
    assert len(names(check_rebuilt(model)[0])) == 4
    assert all(len(layer._inbound_nodes) <= 1 for layer in model._flatten_layers())
    assert rebuilt.count_params() == model.count_params()


def test_composite_layer_called_twice_is_shared():
    x = keras.Input((9, 4))
    block = TemporalConvBlock(4, name="block")
    graph, rebuilt = check_rebuilt(keras.Model(x, block(block(x))), expand=is_composite)
    assert rebuilt.count_params() == block.count_params()
    convolutions = [node for node in graph.nodes if type(node.operation) is layers.Conv1D]
    assert [node.call_index for node in convolutions].count(1) == len(convolutions) // 2


def test_replace_gets_the_call_and_may_stand_aside():
    model = two_layers()

    def without_norm(node, *args, **kwargs):
        if node.name == "norm":
            return args[0]
        if node.is_input:
            return 2 * args[0]
        return None

    rebuilt = Graph.from_model(model).rebuild(without_norm)
    x = np.random.default_rng(0).normal(size=(2, 6)).astype("float32")
    np.testing.assert_allclose(rebuilt(x), model.layers[0](2 * x), atol=1e-6)


def test_rebuilding_leaves_the_model_alone():
    model = two_layers()
    before, config = [w.numpy() for w in model.weights], model.get_config()
    rebuilt = Graph.from_model(model).rebuild()
    rebuilt.compile("sgd", "mse")
    rebuilt.fit(np.ones((4, 6)), np.ones((4, 4)), verbose=0)
    for old, weight in zip(before, model.weights, strict=True):
        np.testing.assert_array_equal(old, weight)
    assert config == model.get_config()


def test_dtype_policies_are_kept():
    x = keras.Input((6,))
    y = layers.Dense(4, dtype="mixed_bfloat16")(x)
    graph, rebuilt = check_rebuilt(keras.Model(x, layers.Dense(2, dtype="float32")(y)))
    assert [node.output.dtype for node in graph.nodes] == ["float32", "bfloat16", "float32"]
    assert rebuilt.layers[1].dtype_policy.name == "mixed_bfloat16"


def test_subclassed_model_is_refused():
    class Mine(keras.Model):
        def call(self, x):
            return x

    with pytest.raises(ConfigError, match=r"keras.Model\(inputs, outputs\)"):
        Graph.from_model(Mine())


def test_unbuilt_model_is_refused():
    with pytest.raises(ConfigError, match="not built"):
        Graph.from_model(keras.Sequential([layers.Dense(2)]))


def test_something_else_is_refused():
    with pytest.raises(ConfigError, match="must be a keras.Model"):
        Graph.from_model(layers.Dense(2))


def test_layer_without_config_is_refused_by_name():
    class Scale(layers.Layer):
        def __init__(self, factor, **kwargs):
            super().__init__(**kwargs)
            self.factor = factor

        def call(self, x):
            return x

    x = keras.Input((6,))
    model = keras.Model(x, Scale(object(), name="my_scale")(x))
    with pytest.raises(ConfigError, match="'my_scale' .* cannot be copied"):
        Graph.from_model(model).rebuild()


def test_clone_keeps_state_that_is_no_plain_weight():
    normalization = layers.Normalization()
    normalization.adapt(np.arange(12.0).reshape(4, 3))
    x = np.ones((2, 3), "float32")
    np.testing.assert_allclose(clone_layer(normalization)(x), normalization(x))


def test_clone_keeps_flags_of_sublayers():
    block = ConvNormAct(4)
    block(np.ones((1, 4, 4, 2), "float32"))
    block.normalize.trainable = False
    copy = clone_layer(block)
    assert (copy.trainable, copy.convolve.trainable, copy.normalize.trainable) == (
        True,
        True,
        False,
    )


@pytest.mark.parametrize("name", ["mnist_cnn", "mnist_mlp", "linear_regression"])
def test_zoo_models(name):
    check_rebuilt(kerazoo.get(name, weights=None))


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    ["MobileNetV2", "MobileNetV3Small", "EfficientNetB0", "ResNet50", "DenseNet121",
     "NASNetMobile", "InceptionV3", "Xception", "ConvNeXtTiny"],
)  # fmt: skip
def test_keras_applications(name):
    size = {"NASNetMobile": 224, "InceptionV3": 96, "Xception": 96}.get(name, 64)
    builder = getattr(keras.applications, name)
    model = builder(weights=None, input_shape=(size, size, 3), classes=10)
    rebuilt = Graph.from_model(model).rebuild()
    x = random_like(model.input)
    np.testing.assert_allclose(rebuilt(x), model(x), atol=1e-6)
    assert rebuilt.count_params() == model.count_params()
