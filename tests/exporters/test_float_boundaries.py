"""Layers left in float by `skip` are float in the file, with the weights of the Keras model."""

import keras
import numpy as np
import pytest
from keras import layers

import kerazoo
from kerazoo.compress import calibrate, quantize_aware
from kerazoo.exporters.flatbuffer import unpack
from kerazoo.exporters.float_boundaries import without_boundaries
from kerazoo.exporters.operators import operator_name


@pytest.fixture(scope="module")
def net():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 3), name="image")
    x = layers.Conv2D(4, 3, activation="relu", name="first")(inputs)
    x = layers.Conv2D(6, 3, activation="relu", name="conv")(x)
    x = layers.Add(name="add")([x, layers.DepthwiseConv2D(1, name="depthwise")(x)])
    x = layers.MaxPooling2D(name="pool")(x)
    x = layers.Dense(64, activation="relu", name="dense")(layers.Flatten(name="flat")(x))
    return keras.Model(inputs, layers.Dense(5, name="logits")(x), name="net")


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).normal(size=(32, 8, 8, 3)).astype("float32")


def float_weights(content):
    """The weights, of any shape, that the float operators of the file read."""
    model = unpack(content)
    (graph,) = model.subgraphs
    operators = {"CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"}
    tensors = [
        graph.tensors[operator.inputs[1]]
        for operator in graph.operators
        if operator_name(model, operator) in operators
    ]
    return [
        np.frombuffer(bytes(model.buffers[tensor.buffer].data), "<f4").reshape(tensor.shape)
        for tensor in tensors
        if tensor.type == 0
    ]


ORDER = {"first": (3, 0, 1, 2), "conv": (3, 0, 1, 2), "depthwise": (3, 0, 1, 2)}
"""Of a kernel's axes in the file; (1, 0) for dense ones."""


@pytest.mark.parametrize(
    ("skip", "float_ops"),
    [
        (["dense"], {"DEQUANTIZE", "FULLY_CONNECTED", "QUANTIZE"}),
        (["first", "logits"], {"CONV_2D", "QUANTIZE", "DEQUANTIZE", "FULLY_CONNECTED"}),
        pytest.param(["conv"], {"DEQUANTIZE", "CONV_2D", "QUANTIZE"}, marks=pytest.mark.slow),
        pytest.param(
            ["depthwise"], {"DEQUANTIZE", "DEPTHWISE_CONV_2D", "QUANTIZE"}, marks=pytest.mark.slow
        ),
        pytest.param(
            ["logits"],
            {"DEQUANTIZE", "FULLY_CONNECTED"},
            marks=[pytest.mark.slow, pytest.mark.release],
        ),
    ],
)
def test_skipped_layers_are_float_with_their_own_weights(
    tensorflow_backend, net, images, tmp_path, skip, float_ops
):
    model = calibrate(quantize_aware(net, skip=skip), images)
    path = tmp_path / "net.tflite"
    report = kerazoo.export(model, path, calibration=images)
    assert report.integer_only is False
    assert set(report.float_ops) == float_ops
    assert "CAST" not in report.ops
    stored = float_weights(path.read_bytes())
    for name, weights in zip(skip, stored, strict=True):
        kernel = np.asarray(net.get_layer(name).kernel).transpose(ORDER.get(name, (1, 0)))
        np.testing.assert_array_equal(weights.ravel(), kernel.ravel())


@pytest.mark.slow
def test_a_skipped_sum_is_float_up_to_the_range_behind_the_pooling(
    tensorflow_backend, net, images, tmp_path
):
    model = calibrate(quantize_aware(net, scheme={"*": "int8", "add": None}), images)
    report = kerazoo.export(model, tmp_path / "net.tflite", calibration=images)
    assert {"DEQUANTIZE", "ADD", "QUANTIZE"} <= set(report.float_ops)
    assert set(report.float_ops) <= {"DEQUANTIZE", "ADD", "QUANTIZE", "MAX_POOL_2D", "RESHAPE"}


@pytest.mark.slow
def test_a_skipped_layer_is_float_among_16_bits(tensorflow_backend, net, images, tmp_path):
    model = calibrate(quantize_aware(net, scheme="int16x8", skip=["dense"]), images)
    report = kerazoo.export(model, tmp_path / "net.tflite", calibration=images)
    assert set(report.float_ops) == {"DEQUANTIZE", "FULLY_CONNECTED", "QUANTIZE"}


@pytest.mark.slow
def test_layers_that_move_values_are_as_their_surroundings(
    tensorflow_backend, net, images, tmp_path
):
    model = calibrate(quantize_aware(net, skip=["pool", "flat"]), images)
    assert kerazoo.export(model, tmp_path / "net.tflite", calibration=images).integer_only


def test_boundaries_change_nothing_in_keras(tensorflow_backend, net, images, tmp_path):
    model = calibrate(quantize_aware(net, skip=["dense"]), images)
    model.save(tmp_path / "net.keras")
    again = keras.saving.load_model(tmp_path / "net.keras")
    np.testing.assert_array_equal(again(images), model(images))
    plain = kerazoo.compress.strip(model)
    assert [layer.name for layer in plain.layers] == [layer.name for layer in net.layers]


def test_files_without_boundaries_stay_as_they_are(tensorflow_backend, net, images, tmp_path):
    path = tmp_path / "net.tflite"
    kerazoo.export(calibrate(quantize_aware(net), images), path, verify=False)
    assert without_boundaries(path.read_bytes()) == path.read_bytes()


def test_other_uses_of_float64_keep_their_casts(tensorflow_backend):
    import tensorflow as tf
    from ai_edge_litert.interpreter import Interpreter

    @tf.function(input_signature=[tf.TensorSpec((2,), tf.float32, name="x")])
    def function(x):
        wide = tf.cast(x, tf.float64)
        return {"wide": wide, "same": tf.nn.elu(tf.cast(wide, tf.float32))}

    converter = tf.lite.TFLiteConverter.from_concrete_functions([function.get_concrete_function()])
    content = without_boundaries(converter.convert())
    interpreter = Interpreter(model_content=content)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], np.float32([1, -1]))
    interpreter.invoke()
    answers = [interpreter.get_tensor(out["index"]) for out in interpreter.get_output_details()]
    answers = {answer.dtype.name: answer for answer in answers}
    assert answers["float64"].tolist() == [1, -1]
    np.testing.assert_allclose(answers["float32"], [1, np.exp(-1) - 1], rtol=1e-6)
    (graph,) = unpack(content).subgraphs
    names = [operator_name(unpack(content), operator) for operator in graph.operators]
    assert sorted(names) == ["CAST", "ELU"]


def test_operators_without_outputs_stay(tensorflow_backend, tmp_path):
    """CALL_ONCE, which sets up the seeds of a recurrent layer's dropout, gives nothing."""
    inputs = keras.Input((4, 3))
    x = layers.Dense(2)(layers.LSTM(3, dropout=0.1)(inputs))
    model = quantize_aware(keras.Model(inputs, x))
    calibrate(model, np.random.default_rng(0).normal(size=(8, 4, 3)).astype("float32"))
    assert "WHILE" in kerazoo.export(model, tmp_path / "net.tflite").float_ops
