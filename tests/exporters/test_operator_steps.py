"""Each operator of a quantized file against the model it carries, on the file's own inputs."""

import json

import keras
import numpy as np
import pytest

import kerazoo.exporters as exporters
import kerazoo.exporters.checking as checking
import kerazoo.exporters.tflite as tflite
from kerazoo.compress import calibrate, quantize_aware
from kerazoo.errors import VerificationError
from kerazoo.exporters.flatbuffer import pack, unpack
from kerazoo.exporters.interface import describe
from kerazoo.exporters.operator_steps import OperatorComparison, compare_operators
from kerazoo.exporters.operators import operator_name
from kerazoo.exporters.tolerances import Tolerance


@pytest.fixture(autouse=True, scope="module")
def untimed():
    """Measuring the latency takes two seconds of every export."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checking, "time_content", lambda *args, **kwargs: None)
        yield


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).normal(size=(16, 12, 12, 3)).astype("float32")


@pytest.fixture(scope="module")
def net(images):
    """Fused convolutions, two branches that join twice, operators that only move values."""
    keras.utils.set_random_seed(0)
    layers, bias = keras.layers, {"bias_initializer": "random_normal"}
    inputs = keras.Input((12, 12, 3), name="image")
    x = layers.Conv2D(8, 3, strides=2, use_bias=False, name="stem")(inputs)
    x = layers.BatchNormalization(momentum=0.0, name="stem_norm")(x)
    x = layers.ReLU(6.0, name="stem_relu")(x)
    y = layers.DepthwiseConv2D(3, padding="same", name="depthwise", **bias)(x)
    y = layers.Conv2D(8, 1, name="project", **bias)(layers.Activation("silu", name="silu")(y))
    x = layers.Add(name="join")([x, y])
    a, b = layers.MaxPooling2D(2, name="largest")(x), layers.AveragePooling2D(2, name="mean")(x)
    x = layers.Concatenate(name="both")([a, b])
    x = layers.Flatten(name="flat")(x)
    model = keras.Model(inputs, layers.Dense(5, name="logits", **bias)(x), name="net")
    model(images, training=True)  # batch normalization takes these statistics over
    aware = quantize_aware(model)
    calibrate(aware, images)
    return aware


@pytest.fixture(scope="module")
def tiny(images):
    """Two convolutions, quick to export."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((12, 12, 3), name="image")
    x = keras.layers.Conv2D(4, 3, activation="relu", name="first")(inputs)
    aware = quantize_aware(keras.Model(inputs, keras.layers.Conv2D(4, 3, name="second")(x)))
    calibrate(aware, images)
    return aware


@pytest.fixture(scope="module")
def tiny_content(tiny, tmp_path_factory):
    path = tmp_path_factory.mktemp("files") / "tiny.tflite"
    return exporters.export(tiny, path, verify=False).path.read_bytes()


@pytest.fixture(scope="module")
def report(net, images, tmp_path_factory):
    path = tmp_path_factory.mktemp("files") / "net.tflite"
    return exporters.export(net, path, calibration=images)


@pytest.fixture(scope="module")
def content(report):
    return report.path.read_bytes()


def compare(net, content, images):
    return compare_operators(net, describe(net), content, {"image": images[:4]})


def changed(content, change):
    """The file after `change(model, graph)` on its unpacked form."""
    model = unpack(content)
    change(model, model.subgraphs[0])
    return pack(model)


def operators(model, graph, name):
    return [op for op in graph.operators if operator_name(model, op) == name]


def test_every_operator_is_compared_and_within_a_step(net, report):
    steps = report.per_layer
    assert isinstance(steps, OperatorComparison)
    assert steps.coverage == 1.0
    assert steps.uncompared == ()
    assert steps.is_sound
    assert len(steps) == sum(report.ops.values()) - 2  # QUANTIZE and DEQUANTIZE at the ends
    assert steps.max_steps <= 1
    found = {(entry.layer, entry.operator) for entry in steps}
    assert {
        ("stem_relu", "CONV_2D"),
        ("depthwise", "DEPTHWISE_CONV_2D"),
        ("silu", "LOGISTIC"),
        ("silu", "MUL"),
        ("project", "CONV_2D"),
        ("join", "ADD"),
        ("largest", "MAX_POOL_2D"),
        ("mean", "AVERAGE_POOL_2D"),
        ("both", "CONCATENATION"),
        ("flat", "RESHAPE"),
    } <= found
    assert "stem" in steps.unmatched
    moving = [e for e in steps if e.operator in ("MAX_POOL_2D", "CONCATENATION", "RESHAPE")]
    assert max(entry.max_steps for entry in moving) == 0


def zero_weights(model, graph):
    """Make the first convolution wrong."""
    first = operators(model, graph, "CONV_2D")[0]
    buffer = model.buffers[graph.tensors[first.inputs[1]].buffer]
    buffer.data = np.zeros_like(np.asarray(buffer.data))


def test_the_inputs_of_an_operator_are_the_files_own(net, content, images):
    """Without that, what is wrong in the first convolution would show in all that follow."""
    steps = compare(net, changed(content, zero_weights), images)
    assert [entry.layer for entry in steps.unsound] == ["stem_relu"]
    assert steps.first_growth().layer == "stem_relu"
    assert not steps.is_sound
    assert steps.coverage == 1.0


def test_so_they_are_where_the_file_computes_once_what_the_model_computes_twice(images, tmp_path):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((12, 12, 3), name="image")
    shared = keras.layers.Conv2D(4, 3, name="shared")
    left = keras.layers.DepthwiseConv2D(3, name="left")(shared(inputs))
    right = keras.layers.DepthwiseConv2D(3, name="right")(shared(inputs))
    aware = quantize_aware(keras.Model(inputs, keras.layers.Add(name="sum")([left, right])))
    calibrate(aware, images)
    report = exporters.export(aware, tmp_path / "net.tflite", verify=False)
    assert report.ops["CONV_2D"] == 1
    steps = compare(aware, changed(report.path.read_bytes(), zero_weights), images)
    assert [entry.layer for entry in steps.unsound] == ["shared"]


@pytest.mark.parametrize(
    ("operator", "number", "layer"),
    [
        ("CONV_2D", 0, "stem_relu"),
        ("DEPTHWISE_CONV_2D", 0, "depthwise"),
        ("CONV_2D", 1, "project"),
        ("FULLY_CONNECTED", 0, "logits_layer"),
    ],
)
def test_a_bias_that_is_five_steps_off_counts_as_five(
    net, content, images, operator, number, layer
):
    def shift_bias(model, graph):
        chosen = operators(model, graph, operator)[number]
        tensors = [graph.tensors[index] for index in (*chosen.inputs[:2], *chosen.outputs)]
        taken, weights, given = (np.asarray(t.quantization.scale) for t in tensors)
        buffer = model.buffers[graph.tensors[chosen.inputs[2]].buffer]
        bias = np.frombuffer(bytes(buffer.data), np.int32)
        shifted = bias + np.rint(5 * given / (taken * weights)).astype(np.int32)
        buffer.data = np.frombuffer(shifted.tobytes(), np.uint8)

    steps = compare(net, changed(content, shift_bias), images)
    assert [entry.layer for entry in steps.unsound] == [layer]
    assert 5 <= steps.unsound[0].max_steps <= 6  # 5, and the rounding of either side
    assert steps.unsound[0].share_within_one < 0.6  # not 0: some are at the range's end anyway


def test_names_that_say_nothing_leave_scales_and_values(net, content, images):
    def rename(model, graph):
        for index, tensor in enumerate(graph.tensors):
            tensor.name = f"t{index}".encode()

    steps = compare(net, changed(content, rename), images)
    assert steps.max_steps <= 1
    computing = {"CONV_2D", "DEPTHWISE_CONV_2D", "ADD", "FULLY_CONNECTED", "AVERAGE_POOL_2D"}
    assert computing <= {entry.operator for entry in steps}
    assert {entry.operator for entry in steps.uncompared} <= {
        "MAX_POOL_2D",
        "CONCATENATION",
        "RESHAPE",
    }
    assert all("mentions no layer" in entry.reason for entry in steps.uncompared)


def test_integer_ends(tiny, images, tmp_path):
    report = exporters.export(tiny, tmp_path / "m.tflite", quantize="int8_io", calibration=images)
    steps = report.per_layer
    assert steps.coverage == 1.0
    assert steps.max_steps <= 1
    assert len(steps) == sum(report.ops.values())


def test_printed_and_as_json(report):
    steps = report.per_layer
    first = str(steps).splitlines()[0]
    assert first.startswith(f"{len(steps)} operators compared, 0 not (100.0%)")
    assert json.loads(json.dumps(report.to_dict()))["per_layer"][0]["max_steps"] <= 1


def test_a_file_whose_operators_are_right_is_kept(
    tiny, tiny_content, images, tmp_path, monkeypatch, caplog
):
    """As deep networks need it, which amplify single roundings: here no error is tolerated."""
    monkeypatch.setattr("kerazoo.notices._said", set())
    monkeypatch.setitem(checking.TOLERANCES, "int8", Tolerance(-1.0, None, 0.0, 0.1))
    monkeypatch.setattr(tflite, "convert", lambda *_, **__: tiny_content)
    report = exporters.export(tiny, tmp_path / "m.tflite", calibration=images)
    assert report.path.exists()
    assert "amplifies single roundings" in caplog.text


def test_a_file_with_a_wrong_operator_is_refused(tiny, tiny_content, images, tmp_path, monkeypatch):
    def reverse_weights(model, graph):
        second = operators(model, graph, "CONV_2D")[1]
        buffer = model.buffers[graph.tensors[second.inputs[1]].buffer]
        buffer.data = np.ascontiguousarray(np.asarray(buffer.data)[::-1])

    monkeypatch.setattr(tflite, "convert", lambda *_, **__: changed(tiny_content, reverse_weights))
    with pytest.raises(VerificationError, match="CONV_2D of the layer 'second_layer' is up to"):
        exporters.export(tiny, tmp_path / "m.tflite", calibration=images)
    assert list(tmp_path.iterdir()) == []
