"""Every quantize mode, checked with the runtime itself rather than with kerazoo's own reader."""

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

import kerazoo.exporters as exporters
from kerazoo.errors import UnknownNameError

from .conftest import MODES


def run_by_hand(path, pixels):
    """Logits by the plain interpreter, quantizing and dequantizing as the specification says."""
    interpreter = Interpreter(model_path=str(path))
    interpreter.allocate_tensors()
    (into,), (out,) = interpreter.get_input_details(), interpreter.get_output_details()
    rows = []
    for image in pixels.astype("float32"):
        if into["dtype"] == np.int8:
            scale, zero = into["quantization"]
            image = np.clip(np.rint(image / scale) + zero, -128, 127)
        interpreter.set_tensor(into["index"], image[None].astype(into["dtype"]))
        interpreter.invoke()
        row = interpreter.get_tensor(out["index"])[0].astype("float32")
        if out["dtype"] == np.int8:
            scale, zero = out["quantization"]
            row = (row - zero) * scale
        rows.append(row)
    return np.stack(rows), into["dtype"], out["dtype"]


@pytest.mark.parametrize(
    ("mode", "relative_error"),
    [
        (None, 1e-5),
        ("float16", 2e-3),
        ("dynamic", 0.03),
        ("int8", 0.05),
        ("int8_io", 0.05),
        ("int16x8", 0.03),
    ],
)
def test_file_gives_the_numbers_of_the_model(reports, net, digits, mode, relative_error):
    expected = net.predict(digits[2], verbose=0)
    actual, _, _ = run_by_hand(reports[mode].path, digits[2])
    assert np.sqrt(np.mean((actual - expected) ** 2)) <= relative_error * expected.std()
    assert np.mean(actual.argmax(-1) == expected.argmax(-1)) >= 0.99


@pytest.mark.parametrize("mode", MODES)
def test_inputs_and_outputs_are_integers_in_int8_io_only(reports, digits, mode):
    _, into, out = run_by_hand(reports[mode].path, digits[2][:1])
    expected = np.int8 if mode == "int8_io" else np.float32
    assert (into, out) == (expected, expected)


@pytest.mark.parametrize("mode", MODES)
def test_batch_is_one_and_the_signature_is_named(reports, mode):
    interpreter = Interpreter(model_path=str(reports[mode].path))
    signature = {"inputs": ["pixels"], "outputs": ["logits"]}
    assert interpreter.get_signature_list() == {"serving_default": signature}
    assert interpreter.get_input_details()[0]["shape_signature"].tolist() == [1, 8, 8, 1]


def test_quantized_files_are_smaller(reports):
    sizes = {mode: reports[mode].size_bytes for mode in MODES}
    assert sizes["float16"] < 0.75 * sizes[None]
    assert sizes["int8"] < 0.6 * sizes[None]
    assert sizes["int8_io"] <= sizes["int8"]


@pytest.mark.filterwarnings("ignore:.*experimental_preserve_all_tensors")
@pytest.mark.parametrize("mode", ["int8", "int8_io", "int16x8"])
def test_integer_modes_leave_no_float_tensor_inside(reports, mode):
    """Proof by the runtime's own list of tensors: float ones are at the two ends at most."""
    interpreter = Interpreter(
        model_path=str(reports[mode].path), experimental_preserve_all_tensors=True
    )
    interpreter.allocate_tensors()
    details = interpreter.get_input_details() + interpreter.get_output_details()
    ends = {detail["index"] for detail in details}
    inside = [t for t in interpreter.get_tensor_details() if t["index"] not in ends]
    assert [t["name"] for t in inside if t["dtype"] == np.float32 and len(t["shape"])] == []
    assert reports[mode].integer_only
    assert reports[mode].float_ops == ()


@pytest.mark.parametrize("mode", [None, "float16", "dynamic"])
def test_float_modes_say_that_they_compute_in_float(reports, mode):
    assert not reports[mode].integer_only
    assert "CONV_2D" in reports[mode].float_ops


@pytest.mark.parametrize(("batch", "sizes"), [(3, [3, 4]), (None, [-1, 4])])
def test_batch_can_be_chosen(small, numbers, tmp_path, notices, batch, sizes):
    exporters.export(small, tmp_path / "m.tflite", batch=batch)
    interpreter = Interpreter(model_path=str(tmp_path / "m.tflite"))
    assert interpreter.get_input_details()[0]["shape_signature"].tolist() == sizes
    outputs = exporters.load_tflite(tmp_path / "m.tflite")(numbers[:7])
    np.testing.assert_allclose(outputs, small(numbers[:7]), atol=1e-5)
    assert sum("batch=None" in line for line in notices()) == (batch is None)


def test_int8_with_batch_of_three_calibrates_in_whole_batches(small, numbers, tmp_path):
    path = tmp_path / "m.tflite"
    report = exporters.export(small, path, quantize="int8", batch=3, calibration=numbers)
    assert report.integer_only
    assert report.relative_error < 0.05


def test_unknown_mode_names_the_nearest(small, tmp_path):
    with pytest.raises(UnknownNameError, match=r"quantize mode 'int_8'.*'int8'"):
        exporters.export(small, tmp_path / "m.tflite", quantize="int_8")
