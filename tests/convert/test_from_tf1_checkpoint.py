"""What `tf.train.Saver` saved, in a Keras model, against what the old graph says itself."""

from importlib import import_module

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerazoo.convert import from_tf1_checkpoint
from kerazoo.errors import ConversionError

tf1 = tf.compat.v1


@pytest.fixture(params=[False, True], ids=["variables", "resources"])
def saved(request, tmp_path):
    """A graph of one convolution, normalization and a dense layer: its prefix and a run of it."""
    rng = np.random.default_rng(0)
    samples = rng.normal(size=(3, 4, 4, 2)).astype("float32")
    with tf.Graph().as_default(), tf1.Session() as session:

        def variable(name, *shape):
            value = rng.uniform(0.5, 1.5, shape).astype("float32")
            return tf1.get_variable(name, initializer=value, use_resource=request.param)

        x = tf1.placeholder(tf.float32, [None, 4, 4, 2], "x")
        scale = tf1.placeholder(tf.float32, [], "scale")
        with tf1.variable_scope("block"):
            y = tf.nn.conv2d(x, variable("weights", 3, 3, 2, 5), 1, "SAME")
            names = ("moving_mean", "moving_variance", "beta", "gamma")
            y = tf.nn.batch_normalization(y, *(variable(name, 5) for name in names), 1e-3)
        y = tf.reshape(tf.nn.relu(y), [-1, 80])
        y = tf.matmul(y, variable("out/W", 80, 3))
        y = tf.add(y * scale, variable("out/b", 3), name="y")
        hostile = tf.add(y, tf.cast(tf.strings.length(tf.io.read_file("/etc/hostname")), "float32"))
        hostile = tf.identity(hostile, name="hostile")
        session.run(tf1.global_variables_initializer())
        prefix = tf1.train.Saver().save(session, str(tmp_path / "old.ckpt"), 7)
        return prefix, samples, session.run(y, {x: samples, scale: 1.0})


def new_model(activation="relu"):
    inputs = keras.Input((4, 4, 2))
    x = keras.layers.Conv2D(5, 3, padding="same", use_bias=False, name="conv")(inputs)
    x = keras.layers.BatchNormalization(name="norm")(x)
    x = keras.layers.Flatten()(keras.layers.Activation(activation)(x))
    return keras.Model(inputs, keras.layers.Dense(3, name="out")(x))


PROOF = {"compare": ("x:0", "y:0"), "feeds": {"scale:0": 1.0}}


def test_the_model_says_what_the_graph_said(saved, notices):
    prefix, samples, expected = saved
    model = new_model()
    assert from_tf1_checkpoint(prefix, model, **PROOF) is model
    np.testing.assert_allclose(model.predict(samples, verbose=0), expected, rtol=1e-5, atol=1e-5)
    assert any("norm/gamma" in line and "block/gamma" in line for line in notices())


def test_another_architecture_is_noticed_and_the_model_left_alone(saved):
    model = new_model(activation="tanh")
    before = model.get_weights()
    with pytest.raises(ConversionError, match="differ from 'y:0'"):
        from_tf1_checkpoint(saved[0], model, **PROOF)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_what_stops_the_proof_leaves_the_model_alone(saved, monkeypatch):
    plain = new_model()
    two = keras.Model(plain.inputs, [plain.output, plain.inputs[0]])
    before = plain.get_weights()
    with pytest.raises(ConversionError, match="models of one output. Received: one of 2"):
        from_tf1_checkpoint(saved[0], two, **PROOF)
    module = import_module("kerazoo.convert.from_tf1_checkpoint")  # the name gives the function
    monkeypatch.setattr(module, "run_tf1_graph", interrupted)
    with pytest.raises(KeyboardInterrupt):
        from_tf1_checkpoint(saved[0], plain, **PROOF)
    for old, new in zip(before, plain.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def interrupted(*_):
    raise KeyboardInterrupt


def test_a_program_that_reads_files_is_not_run(saved):
    with pytest.raises(ConversionError, match="ReadFile .* not run"):
        from_tf1_checkpoint(saved[0], new_model(), compare=("x:0", "hostile:0"))


def test_confirmation(saved):
    model, seen = new_model(), []
    before = model.get_weights()
    with pytest.raises(ConversionError, match="was not confirmed"):
        from_tf1_checkpoint(saved[0], model, confirm=seen.append)
    np.testing.assert_array_equal(before[0], model.get_weights()[0])
    assert seen[0].pairs["conv/kernel"] == "block/weights"


def test_errors_of_the_proof(saved):
    with pytest.raises(ConversionError, match="has no 'nothing:0'"):
        from_tf1_checkpoint(saved[0], new_model(), compare=("x:0", "nothing:0"))
    with pytest.raises(ConversionError, match="cannot be run up to 'y:0'"):
        from_tf1_checkpoint(saved[0], new_model(), compare=("x:0", "y:0"))
