"""Sabotage one layer's weights in the file: the report must name that layer."""

import keras
import numpy as np
import pytest

import kerazoo.exporters as exporters
import kerazoo.exporters.tflite as tflite
from kerazoo.errors import VerificationError
from kerazoo.exporters.flatbuffer import pack, unpack
from kerazoo.exporters.layer_errors import LayerError, LayerErrors
from kerazoo.exporters.operators import operator_name


def sabotage(content, operator, number):
    """Reverse the weights of the `number`-th `operator` of the file."""
    model = unpack(content)
    graph = model.subgraphs[0]
    chosen = [op for op in graph.operators if operator_name(model, op) == operator][number]
    buffer = model.buffers[graph.tensors[chosen.inputs[1]].buffer]
    weights = np.frombuffer(bytes(buffer.data), np.int8 if "8" in operator else np.float32)
    buffer.data = np.frombuffer(np.ascontiguousarray(weights[::-1]).tobytes(), np.uint8)
    return pack(model)


@pytest.mark.parametrize("mode", [None, "dynamic"])
@pytest.mark.parametrize(
    ("operator", "number", "layer"),
    [
        ("CONV_2D", 0, "relu_a"),
        ("CONV_2D", 1, "block/conv_b"),
        ("FULLY_CONNECTED", 0, "hidden"),
        ("FULLY_CONNECTED", 1, "logits"),
    ],
)
def test_the_first_wrong_layer_is_named_and_no_file_is_left(
    net, reports, digits, tmp_path, monkeypatch, mode, operator, number, layer
):
    honest = reports[mode].path.read_bytes()  # of the same net: it need not be converted again
    monkeypatch.setattr(tflite, "convert", lambda *_, **__: sabotage(honest, operator, number))
    (tmp_path / "m.tflite").write_bytes(b"previous")
    arguments = {"quantize": mode, "calibration": digits[0][:100]}
    with pytest.raises(VerificationError, match=f"first grows at the layer '{layer}'"):
        exporters.export(net, tmp_path / "m.tflite", **arguments)
    assert [p.name for p in tmp_path.iterdir()] == ["m.tflite"]
    assert (tmp_path / "m.tflite").read_bytes() == b"previous"
    exporters.export(net, tmp_path / "m.tflite", **arguments, verify=False)
    assert (tmp_path / "m.tflite").read_bytes() != b"previous"


@pytest.mark.parametrize(
    ("mode", "most"),
    [(None, 1e-5), ("float16", 1e-3), ("int8", 0.05), ("int8_io", 0.05), ("int16x8", 0.03)],
)
def test_every_layer_with_a_tensor_is_found_and_close(reports, mode, most):
    layers = reports[mode].per_layer
    names = [entry.layer for entry in layers]
    assert names[-5:] == ["relu_a", "block/conv_b", "block/flat", "hidden", "logits"]
    assert max(entry.relative_error for entry in layers) < most
    # Fused into the operator of relu_a, or computing nothing:
    assert {"conv_a", "norm_a", "drop"} <= set(layers.unmatched)


def test_errors_are_those_of_the_definition(reports, net, digits):
    """Recomputed for the output layer, over the samples that the report used."""
    import kerazoo.exporters.calibration as calibration

    first, held_out = calibration.split({"pixels": digits[0][:500]}, first=300)
    checked = calibration.join([calibration.take(first, 100), held_out])
    pixels = calibration.take(checked, 8)["pixels"]
    expected = net.predict(pixels, verbose=0)
    difference = exporters.load_tflite(reports["int8"].path)(pixels) - expected
    entry = reports["int8"].per_layer.layers[-1]
    assert entry.max_abs_error == pytest.approx(np.abs(difference).max(), rel=1e-3)
    rms = np.sqrt(np.mean(difference**2))
    assert entry.relative_error == pytest.approx(rms / expected.std(), rel=1e-3)
    assert entry.operator == "FULLY_CONNECTED"  # not the DEQUANTIZE that passes its result on


def test_shared_layers_and_several_inputs(tmp_path, numbers):
    keras.utils.set_random_seed(0)
    left, right = keras.Input((4,), name="left"), keras.Input((4,), name="right")
    shared = keras.layers.Dense(4, activation="relu", name="shared")
    both = keras.layers.Add(name="both")([shared(left), shared(right)])
    outputs = {
        "kind": keras.layers.Dense(3, name="head_a")(both),
        "size": keras.layers.Dense(1, name="head_b")(both),
    }
    model = keras.Model({"left": left, "right": right}, outputs, name="two")
    data = {"left": numbers, "right": numbers[::-1].copy()}
    report = exporters.export(model, tmp_path / "m.tflite", quantize="int8", calibration=data)
    names = [entry.layer for entry in report.per_layer]
    assert sorted(names) == ["both", "head_a", "head_b", "shared", "shared"]
    assert max(entry.relative_error for entry in report.per_layer) < 0.05
    loaded = exporters.load_tflite(report.path)
    assert [tensor.name for tensor in loaded.signature.inputs] == ["left", "right"]
    actual, expected = loaded(**data), model.predict(data, verbose=0)
    assert actual.keys() == {"kind", "size"}
    for name in expected:
        rms = np.sqrt(np.mean((actual[name] - expected[name]) ** 2))
        assert rms < 0.05 * expected[name].std()


def test_layers_are_as_before_after_listening(net, reports, digits):
    before = net.predict(digits[2][:3], verbose=0)
    assert reports[None].per_layer is not None
    assert all("call" not in vars(layer) for layer in net.layers)
    np.testing.assert_array_equal(net.predict(digits[2][:3], verbose=0), before)


@pytest.mark.parametrize(
    ("errors", "expected"),
    [
        ([0.01, 0.02, 0.5, 0.6], 2),  # the first above the limit
        ([0.01, 0.08, 0.12, 0.5], 3),  # 0.12 is above it, but grew little by little
        ([0.01, 0.05, 0.06], 1),  # none above: the largest step
        ([], None),
    ],
)
def test_first_growth(errors, expected):
    entries = tuple(LayerError(str(i), "OP", error, error) for i, error in enumerate(errors))
    found = LayerErrors(entries, ()).first_growth(0.1)
    assert (found.layer if found else None) == (None if expected is None else str(expected))
