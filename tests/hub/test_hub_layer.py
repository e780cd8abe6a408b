"""HubLayer against calling the SavedModel itself, and what it tells Keras of it."""

import re

import keras
import numpy as np
import pytest

from kerazoo.errors import ConfigError, DataError, HubError
from kerazoo.hub import HubLayer

pytestmark = pytest.mark.usefixtures("tensorflow_backend")


def inputs_of(kind, rows):
    import tensorflow as tf

    if kind == "text":
        return tf.constant(["good ugly", "unknown", "bad bad good"])
    if kind == "several":
        return np.random.default_rng(0).normal(size=(2, 9, 6, 3)).astype("float32")
    if kind == "dictionary":
        return {"a": rows(3, seed=1), "b": rows(3, seed=2)}
    return rows()


def called(kind, folder, inputs, training):
    """What TensorFlow alone gives."""
    import tensorflow as tf

    inputs = tf.nest.map_structure(tf.convert_to_tensor, inputs)
    if kind == "tf1":
        loaded = tf.saved_model.load(folder, tags=[])
        return loaded.signatures["default"](inputs)["default"]
    loaded = tf.saved_model.load(folder)
    if kind == "keras3":
        return loaded.serve(inputs)
    return loaded(inputs, training=training) if kind == "reusable" else loaded(inputs)


KINDS = ["reusable", "dictionary", "several", "keras3", "text", "tf1"]


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_outputs_are_those_of_the_saved_model(kind, training, saved_models, rows):
    folder, inputs = saved_models(kind), inputs_of(kind, rows)
    layer = HubLayer(folder, trainable=True)
    expected, found = called(kind, folder, inputs, training), layer(inputs, training=training)
    assert type(found).__name__.replace("ListWrapper", "list") == type(expected).__name__.replace(
        "ListWrapper", "list"
    )
    for one, other in zip(keras.tree.flatten(expected), keras.tree.flatten(found), strict=True):
        np.testing.assert_allclose(other, one, rtol=0, atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_functional_models_predict_the_same(kind, saved_models, rows):
    folder, values = saved_models(kind), inputs_of(kind, rows)
    specs = keras.tree.map_structure(
        lambda value: keras.Input(
            value.shape[1:], dtype="string" if kind == "text" else value.dtype.name
        ),
        values,
    )
    model = keras.Model(specs, HubLayer(folder)(specs))
    expected = keras.tree.flatten(called(kind, folder, values, training=False))
    for one, other in zip(
        expected, keras.tree.flatten(model.predict(values, verbose=0)), strict=True
    ):
        np.testing.assert_allclose(other, one, rtol=0, atol=1e-6)


def test_a_frozen_layer_stays_in_inference_mode(saved_models, rows):
    layer = HubLayer(saved_models("reusable"))
    before = [np.array(variable) for variable in layer.weights]
    frozen = layer(rows(), training=True)
    np.testing.assert_array_equal(frozen, layer(rows(), training=False))
    for variable, value in zip(layer.weights, before, strict=True):
        np.testing.assert_array_equal(variable, value)
    layer.trainable = True
    assert np.abs(layer(rows(), training=True) - frozen).max() > 0.1


def test_counts_are_those_of_the_variables(saved_models):
    counts = {
        trainable: (layer.count_params(), len(layer.trainable_weights))
        for trainable in (False, True)
        if (layer := HubLayer(saved_models("reusable"), trainable=trainable))
    }
    assert counts == {False: (18, 0), True: (18, 2)}
    lines = []
    model = keras.Sequential([keras.Input((4,)), HubLayer(saved_models("reusable"))])
    model.summary(print_fn=lines.append)
    numbers = re.findall(r"params: (\d+)", "\n".join(map(str, lines)))
    assert numbers == ["18", "0", "18"], numbers  # all, trainable, not trainable


def test_variables_are_trained_by_pattern(saved_models, rows):
    layer = HubLayer(saved_models("reusable"), trainable=["*/kernel"])
    assert layer.variable_names == ["dense/kernel", "dense/bias", "norm/mean"]
    model = keras.Sequential([keras.Input((4,)), layer])
    assert [variable.name for variable in model.trainable_variables] == ["dense.kernel"]
    before = [np.array(variable) for variable in layer.program_variables]
    model.compile(keras.optimizers.SGD(0.1), "mse")
    model.fit(rows(), np.zeros((5, 3)), verbose=0)
    changed = [
        not np.array_equal(variable, value)
        for variable, value in zip(layer.program_variables, before, strict=True)
    ]
    assert changed == [True, False, True]  # the mean moves, as the object does when it trains


def test_the_pattern_outlives_freezing_the_whole_model(saved_models):
    layer = HubLayer(saved_models("reusable"), trainable=["dense/b*"])
    model = keras.Sequential([keras.Input((4,)), layer])
    model.trainable = False
    assert model.trainable_variables == []
    model.trainable = True
    assert [variable.name for variable in model.trainable_variables] == ["dense.bias"]
    layer.trainable = True  # Keras's word for it, here as in the line before
    assert [variable.name for variable in model.trainable_variables] == ["dense.bias"]
    layer.trainable = ["*"]
    assert len(model.trainable_variables) == 2


@pytest.mark.parametrize(
    ("patterns", "words"),
    [
        (["kernels"], "fits none of the 3 variables.*dense/kernel"),
        ("dense/*", "a list of patterns"),
    ],
)
def test_wrong_patterns_are_refused(patterns, words, saved_models):
    with pytest.raises(ConfigError, match=words):
        HubLayer(saved_models("reusable"), trainable=patterns)


def test_nothing_to_train_is_an_error(tmp_path):
    import tensorflow as tf

    class Constant(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec((None, 4))])
        def __call__(self, inputs):
            return 2.0 * inputs

    tf.saved_model.save(Constant(), str(tmp_path))
    assert HubLayer(tmp_path).weights == []
    with pytest.raises(HubError, match="no variables that can be trained. Use trainable=False"):
        HubLayer(tmp_path, trainable=True)


def test_regularization_losses_arrive_once_and_only_while_trained(saved_models, rows):
    layer = HubLayer(saved_models("reusable"), trainable=True)
    model = keras.Sequential([keras.Input((4,)), layer])
    kernel = np.array(layer.program_variables[0])
    assert [float(loss) for loss in model.losses] == pytest.approx([0.01 * (kernel**2).sum()])
    layer.trainable = ["dense/bias"]
    assert model.losses == []  # as Keras does with regularizers of frozen weights
    layer.trainable = False
    assert model.losses == []
    model.trainable = True
    layer.trainable = ["dense/*"]
    model.compile("sgd", "mse")
    targets = np.zeros((5, 3))
    mean = np.square(np.array(layer(rows(), training=False))).mean()
    loss = model.evaluate(rows(), targets, verbose=0)
    assert loss == pytest.approx(mean + 0.01 * (kernel**2).sum(), rel=1e-5)


def test_outputs_are_chosen_by_key(saved_models, rows):
    values = inputs_of("dictionary", rows)
    both = HubLayer(saved_models("dictionary"))(values)
    one = HubLayer(saved_models("dictionary"), output_key="mean")(values)
    np.testing.assert_array_equal(one, both["mean"])
    images = inputs_of("several", rows)
    last = HubLayer(saved_models("several"), output_key=-1)(images)
    assert last.shape == (2, 2)
    hidden = HubLayer(saved_models("tf1"), output_key=["hidden", "default"])(rows())
    np.testing.assert_allclose(hidden["hidden"], np.tanh(hidden["default"]), atol=1e-6)


@pytest.mark.parametrize(
    ("kind", "key", "words"),
    [
        ("dictionary", "median", "no output 'median'. It has: mean, sum"),
        ("several", 2, "positions 0 to 1"),
        ("reusable", "logits", "one output only"),
    ],
)
def test_an_unknown_output_is_refused(kind, key, words, saved_models, rows):
    with pytest.raises(ConfigError, match=words):
        HubLayer(saved_models(kind), output_key=key)(inputs_of(kind, rows))


def test_signatures_are_chosen_by_name(saved_models, rows):
    single = HubLayer(saved_models("tf1"))(rows())
    np.testing.assert_allclose(
        HubLayer(saved_models("tf1"), signature="doubled")(rows()), 2 * single, atol=1e-5
    )
    with pytest.raises(ConfigError, match="no signature 'tripled'. It has: default, doubled"):
        HubLayer(saved_models("tf1"), signature="tripled")


def test_a_signature_can_be_trained(saved_models, rows):
    """tensorflow/hub #745 and #763."""
    layer = HubLayer(saved_models("tf1"), trainable=True)
    model = keras.Sequential([keras.Input((4,)), layer])
    model.compile(keras.optimizers.SGD(0.1), "mse")
    losses = model.fit(rows(64), np.zeros((64, 3)), epochs=5, verbose=0).history["loss"]
    assert losses[-1] < 0.7 * losses[0]


def test_a_signature_takes_a_dict_by_name(saved_models, rows):
    layer = HubLayer(saved_models("tf1"))
    np.testing.assert_array_equal(layer({"features": rows()}), layer(rows()))
    with pytest.raises(DataError, match="takes features. Received: pixels"):
        layer({"pixels": rows()})
    with pytest.raises(DataError, match=r"must be float32 \[None, 4\]. Received: float32 \[5, 3\]"):
        layer(rows()[:, :3])


def test_arguments_are_passed_through(saved_models, rows):
    plain = HubLayer(saved_models("reusable"))(rows())
    scaled = HubLayer(saved_models("reusable"), arguments={"scale": 2.0})(rows())
    np.testing.assert_allclose(scaled, 2 * plain, atol=1e-6)
    fixed = HubLayer(saved_models("reusable"), trainable=True, arguments={"training": False})
    np.testing.assert_array_equal(fixed(rows(), training=True), plain)


def test_what_was_not_traced_is_refused_in_one_line(saved_models, rows):
    with pytest.raises(DataError, match=r"for inputs float32 \[5, 3\] .* float32 \[None, 4\]\. "):
        HubLayer(saved_models("reusable"))(rows()[:, :3])


def test_integers_are_cast_to_what_the_saved_model_takes(saved_models):
    pixels = np.arange(8).reshape(2, 4).astype("uint8")
    layer = HubLayer(saved_models("reusable"))
    np.testing.assert_allclose(layer(pixels), layer(pixels.astype("float32")))


def test_sizes_may_differ_from_batch_to_batch(saved_models, rows):
    layer = HubLayer(saved_models("several"), output_key=1)
    inputs = keras.Input((None, None, 3))
    model = keras.Model(inputs, layer(inputs))
    assert model.output_shape == (None, 2)
    for size in ((4, 9), (7, 5)):
        images = np.random.default_rng(0).normal(size=(3, *size, 3)).astype("float32")
        np.testing.assert_allclose(
            model.predict(images, verbose=0), layer(images), rtol=0, atol=1e-6
        )


def test_an_unknown_shape_can_be_told(tmp_path):
    import tensorflow as tf

    class Shapeless(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec((None, 4)), tf.TensorSpec((None,), tf.int32)])
        def reshape(self, inputs, shape):
            return tf.reshape(inputs, shape)

        @tf.function(input_signature=[tf.TensorSpec((None, 4))])
        def __call__(self, inputs):
            rank = tf.cast(tf.reduce_sum(tf.zeros_like(inputs)), tf.int32) + 2
            sizes = tf.concat([[-1], tf.fill([rank - 1], 2)], 0)
            return self.reshape(inputs, sizes)

    tf.saved_model.save(Shapeless(), str(tmp_path))
    inputs = keras.Input((4,))
    with pytest.raises(ConfigError, match="Pass `output_shape`"):
        HubLayer(tmp_path)(inputs)
    assert HubLayer(tmp_path, output_shape=(2,))(inputs).shape == (None, 2)


@pytest.mark.parametrize(
    ("kind", "shape", "words"),
    [
        ("dictionary", {"mean": [1], "median": [1]}, "must be a dict with a shape for each of"),
        ("dictionary", {"mean": [1]}, "must be a dict with a shape for each of"),
        ("dictionary", (3,), r"must be a dict .* Received: \(3,\)"),
        ("several", [(2,)], "must be a list of 2 shapes"),
        ("several", {"mean": (2,)}, "must be a list of 2 shapes"),
        ("several", (2, 2), "must be the shape of an output"),
        ("reusable", 3, r"must be the shape of an output \(5, 3\), without the batch"),
        ("reusable", (4,), r"Received: \(4,\)"),
        ("reusable", {"logits": (3,)}, "must be the shape of an output"),
    ],
)
def test_a_shape_that_is_not_that_of_the_outputs_is_refused(kind, shape, words, saved_models, rows):
    layer = HubLayer(saved_models(kind), output_shape=shape)
    with pytest.raises(ConfigError, match=words):
        layer(inputs_of(kind, rows))


def test_config_holds_every_argument(saved_models, rows):
    layer = HubLayer(
        saved_models("tf1"),
        trainable=["kern*"],
        signature="default",
        output_key=["hidden"],
        arguments={},
        output_shape={"hidden": [3]},
        name="mine",
    )
    other = HubLayer.from_config(layer.get_config())
    assert other.get_config() == layer.get_config()
    assert layer.get_config()["trainable"] == ["kern*"]
    np.testing.assert_array_equal(other(rows())["hidden"], layer(rows())["hidden"])


def test_a_clone_has_variables_of_its_own(saved_models, rows):
    model = keras.Sequential([keras.Input((4,)), HubLayer(saved_models("reusable"))])
    clone = keras.models.clone_model(model)
    clone.layers[0].program_variables[1].assign(np.zeros(3))
    assert not np.allclose(model(rows()), clone(rows()))


def test_other_files_are_refused_by_name(tmp_path):
    with pytest.raises(HubError, match="holds no saved_model.pb"):
        HubLayer(tmp_path)
    with pytest.raises(HubError, match="No folder or file '.*missing'"):
        HubLayer(tmp_path / "missing")
