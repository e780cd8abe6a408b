"""Conversions to and from Keras 2, proven against tf_keras itself."""

from importlib import import_module

import keras
import numpy as np
import pytest

import kerazoo
from kerazoo.errors import ConversionError
from tests.convert.old_files import MODELS
from tests.parity import keras2_networks as networks

tf_keras = pytest.importorskip("tf_keras")


@pytest.mark.parametrize("name", networks.SMALL)
def test_networks(name):
    result = networks.there_and_back(name)
    assert max(result["h5"], result["saved_model"], result["back"]) <= 1e-5


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", networks.names())
def test_every_network(name):
    result = networks.there_and_back(name)
    tf_keras.backend.clear_session()
    keras.backend.clear_session()
    assert max(result["h5"], result["saved_model"], result["back"]) <= 1e-5


@pytest.mark.parametrize("name", ["mixed.h5", "mixed.keras", "mixed"])
def test_files_are_proven_and_go_back(name, tmp_path, notices):
    new = kerazoo.convert.from_keras2(MODELS / name)
    assert not notices()
    old = kerazoo.convert.to_keras2(new)
    assert {layer.name for layer in old.layers} >= {"block", "lstm", "attention", "shared"}
    old.save(tmp_path / "again.h5")
    kerazoo.convert.from_keras2(tmp_path / "again.h5")
    kerazoo.convert.from_keras2(old)


def spoilt(monkeypatch, layer_name):
    """`from_keras2` as if it had put a wrong value into one layer."""
    module = import_module("kerazoo.convert.from_keras2")
    assign = module.assign_arrays

    def assign_wrongly(model, arrays, names):
        assign(model, arrays, names)
        layer = model
        for part in layer_name.split("/"):
            layer = layer.get_layer(part)
        weight = layer.weights[0]
        weight.assign(keras.ops.convert_to_numpy(weight) * -1)

    monkeypatch.setattr(module, "assign_arrays", assign_wrongly)


@pytest.mark.parametrize("layer", ["first", "gru", "block/depthwise"])
def test_the_proof_names_the_first_layer_that_differs(monkeypatch, layer):
    spoilt(monkeypatch, layer)
    with pytest.raises(ConversionError, match=f"the first layer that differs is '{layer}'"):
        kerazoo.convert.from_keras2(MODELS / "mixed.h5")


def test_the_proof_of_to_keras2_names_it_too(monkeypatch):
    module = import_module("kerazoo.convert.to_keras2")
    filled = module._filled

    def filled_wrongly(converted, model):
        filled(converted, model)
        converted.layers[2].weights[0].assign_add(tf_keras.backend.ones((3, 3)))
        return converted

    monkeypatch.setattr(module, "_filled", filled_wrongly)
    model = keras.Sequential(
        [keras.Input((3,)), *(keras.layers.Dense(3, name=name) for name in ("a", "b", "c", "d"))]
    )
    with pytest.raises(ConversionError, match="the first layer that differs is 'c'"):
        kerazoo.convert.to_keras2(model)


def test_a_live_model_of_any_kind_or_a_line_that_says_why_not():
    class Own(tf_keras.Model):
        def call(self, inputs):
            return inputs

    with pytest.raises(ConversionError, match="Own is a class of the model's author"):
        kerazoo.convert.from_keras2(Own())
    inputs = tf_keras.Input((3,))
    doubled = tf_keras.layers.Lambda(lambda x: 2 * x, name="twice")(inputs)
    with pytest.raises(ConversionError, match="'twice' is a Lambda"):
        kerazoo.convert.from_keras2(tf_keras.Model(inputs, doubled))


def layer_model(layer, shape, dtype="float32"):
    inputs = tf_keras.Input(shape, dtype=dtype)
    return tf_keras.Model(inputs, layer(inputs))


K = tf_keras.layers
LAYERS = [
    (K.Activation("hard_sigmoid"), (5,)),
    (K.ActivityRegularization(0.1), (5,)),
    (K.AveragePooling1D(), (6, 3)),
    (K.BatchNormalization(axis=1), (4, 5)),
    (K.CategoryEncoding(4, "count"), (3,)),
    (K.Conv1D(4, 3, padding="causal", dilation_rate=2), (6, 3)),
    (K.Conv2D(4, 3, groups=2, strides=2, activation="gelu"), (6, 6, 2)),
    (K.Conv2DTranspose(4, 3, strides=2, padding="same"), (6, 6, 2)),
    (K.Conv3D(2, 2), (4, 4, 4, 2)),
    (K.ConvLSTM2D(2, 3), (3, 5, 5, 2)),
    (K.Cropping2D(1), (6, 6, 2)),
    (K.Dense(3, kernel_regularizer="l2", kernel_constraint="max_norm"), (5,)),
    (K.Discretization([0.0, 1.0]), (5,)),
    (K.ELU(0.5), (5,)),
    (K.EinsumDense("abc,cd->abd", (None, 4), bias_axes="d"), (3, 5)),
    (K.GaussianNoise(0.5), (5,)),
    (K.GlobalAveragePooling2D(keepdims=True), (6, 6, 2)),
    (K.GRU(3, reset_after=False, go_backwards=True), (4, 2)),
    (K.GroupNormalization(2), (6, 6, 4)),
    (K.LSTM(3, return_sequences=True, unroll=True), (4, 2)),
    (K.LayerNormalization(axis=[1, 2]), (4, 5)),
    (K.LeakyReLU(0.05), (5,)),
    (K.Masking(), (4, 2)),
    (K.Normalization(mean=[1.0, 2.0], variance=[3.0, 4.0]), (2,)),
    (K.Normalization(), (2,)),
    (K.PReLU(shared_axes=[1]), (4, 3)),
    (K.Permute((2, 1)), (4, 3)),
    (K.RNN(K.StackedRNNCells([K.LSTMCell(3), K.GRUCell(2)])), (4, 2)),
    (K.RandomRotation(0.1), (6, 6, 2)),
    (K.ReLU(max_value=0.8, negative_slope=0.1, threshold=0.2), (5,)),
    (K.RepeatVector(3), (4,)),
    (K.Rescaling(0.5, 1.0), (4,)),
    (K.Reshape((3, -1)), (6,)),
    (K.Resizing(4, 5, "bicubic"), (6, 6, 2)),
    (K.SeparableConv1D(3, 2, depth_multiplier=2), (6, 2)),
    (K.SimpleRNN(3), (4, 2)),
    (K.Softmax(axis=1), (4, 3)),
    (K.SpatialDropout2D(0.5), (6, 6, 2)),
    (K.ThresholdedReLU(0.3), (5,)),
    (K.TimeDistributed(tf_keras.Sequential([K.Conv2D(2, 3), K.Flatten()])), (3, 5, 5, 2)),
    (K.UnitNormalization(), (5,)),
    (K.UpSampling2D(2, interpolation="bilinear"), (3, 3, 2)),
    (K.ZeroPadding2D(((1, 0), (0, 2))), (3, 3, 2)),
]


@pytest.mark.parametrize(("layer", "shape"), LAYERS, ids=lambda value: getattr(value, "name", ""))
def test_layers(layer, shape):
    """The proof inside compares outputs on random inputs; here, on others."""
    old = layer_model(layer, shape)
    rng = np.random.default_rng(0)
    old.set_weights([rng.uniform(0.2, 1.2, value.shape) for value in old.get_weights()])
    if hasattr(layer, "finalize_state"):
        layer.finalize_state()
    new = kerazoo.convert.from_keras2(old)
    x = rng.uniform(0, 3, (2, *shape)).astype("float32")
    np.testing.assert_allclose(
        np.asarray(new(x, training=False)), old(x, training=False).numpy(), rtol=1e-5, atol=1e-5
    )


def test_mixed_precision(tmp_path):
    inputs = tf_keras.Input((8,))
    x = K.Dense(16, dtype=tf_keras.mixed_precision.Policy("mixed_bfloat16"), name="a")(inputs)
    tf_keras.Model(inputs, K.Dense(2, dtype="float32")(x)).save(tmp_path / "old.h5")
    new = kerazoo.convert.from_keras2(tmp_path / "old.h5")
    assert new.get_layer("a").compute_dtype == "bfloat16"


def test_a_sequence_to_sequence_model_with_states():
    source = tf_keras.Input((4, 3))
    _, *state = K.LSTM(5, return_state=True)(source)
    target = tf_keras.Input((6, 3))
    decoded = K.LSTM(5, return_sequences=True)(target, initial_state=state)
    model = tf_keras.Model([source, target], K.Dense(2)(decoded))
    back = kerazoo.convert.to_keras2(kerazoo.convert.from_keras2(model))
    data = [np.random.default_rng(0).normal(size=shape) for shape in ((2, 4, 3), (2, 6, 3))]
    np.testing.assert_allclose(back.predict(data, verbose=0), model.predict(data, verbose=0), 1e-5)


def nested(inputs):
    return tf_keras.Sequential([tf_keras.Input((6,)), K.Embedding(5, 2)])(inputs)


def reshaped(inputs):
    return K.Embedding(5, 2)(tf_keras.backend.cast(K.Reshape((2, 3))(inputs)[:, 1], "int32"))


def shared(inputs):
    return K.Concatenate()([K.Embedding(size, 2)(inputs) for size in (5, 50)])


@pytest.mark.parametrize("read", [nested, reshaped, shared])
def test_indices_that_come_as_numbers(read, notices):
    inputs = tf_keras.Input((6,))
    kerazoo.convert.to_keras2(kerazoo.convert.from_keras2(tf_keras.Model(inputs, read(inputs))))
    assert not notices()


def test_a_model_that_refuses_made_up_inputs_is_converted_and_not_compared(notices):
    inputs = tf_keras.Input((6,))
    old = tf_keras.Model(inputs, K.Embedding(5, 2)(100 * inputs), name="old")
    new = kerazoo.convert.from_keras2(old)
    kerazoo.convert.to_keras2(new)
    assert len(notices()) == 2  # one of each
    for line in notices():
        assert line.startswith("old was converted, but not compared with its original")
        assert "is not in [0, 5)" in line
        assert "\n" not in line
    x = np.full((1, 6), 0.02, "float32")
    np.testing.assert_array_equal(new(x), old(x))


def test_importing_tf_keras_switches_nothing():
    import tensorflow as tf

    assert keras.__version__.startswith("3.")
    assert tf.keras.__version__.startswith("3.")


def test_what_keras_2_does_not_have_is_named():
    model = keras.Sequential([keras.Input((4, 4, 1)), kerazoo.layers.GeneralizedMeanPooling()])
    with pytest.raises(ConversionError, match="does not exist in Keras 2"):
        kerazoo.convert.to_keras2(model)
    with pytest.raises(ConversionError, match="must be a functional or Sequential"):
        kerazoo.convert.to_keras2(keras.layers.Dense(2))
