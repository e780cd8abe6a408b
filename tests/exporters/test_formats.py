import pytest

from kerazoo.errors import ExportError
from kerazoo.exporters.formats import check_target, format_of


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


def test_files_of_the_user_beside_an_earlier_saved_model_are_left_alone(tmp_path):
    for name in ("saved_model.pb", "fingerprint.pb", "keras_metadata.pb"):
        (tmp_path / name).touch()
    for name in ("variables", "assets", "assets.extra"):
        (tmp_path / name).mkdir()
    check_target(tmp_path, "saved_model")
    (tmp_path / "notes").mkdir()
    (tmp_path / "labels.txt").write_text("cat")
    with pytest.raises(ExportError, match="holds 'labels.txt' beside a SavedModel") as error:
        check_target(tmp_path, "saved_model")
    assert "\n" not in str(error.value)
    assert (tmp_path / "labels.txt").read_text() == "cat"
