import pytest

from kerazoo.exporters.formats import format_of


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a/m.tflite", "tflite"),
        ("M.TFLITE", "tflite"),
        ("m.onnx", "onnx"),
        ("m.keras", "keras"),
        ("m", "saved_model"),
        ("v1.2/m", "saved_model"),
        ("m.v2/", "saved_model"),
    ],
)
def test_format_of(path, expected):
    assert format_of(path) == expected
