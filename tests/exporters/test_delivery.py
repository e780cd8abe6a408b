"""The top of the path: names, formats, where files appear and what is left when it fails."""

import errno
import types

import keras
import msgspec
import numpy as np
import pytest

import kerazoo
import kerazoo.exporters as exporters
from kerazoo.errors import DataError, ExportError, MissingDependencyError, RunError


@pytest.fixture
def zoo(monkeypatch, net, digits):
    """A zoo of one model, "net", and a data set with test samples and class names."""
    card = types.SimpleNamespace(
        name="net", task="image-classification", summary="Digits.", dataset="toy", license="MIT"
    )
    splits = {"train": digits[:2], "test": digits[2:]}

    def load_numpy(name, split):
        assert name == "toy"
        if split not in splits:
            raise DataError(f"toy has no {split}")
        return splits[split]

    facts = msgspec.structs.replace(
        kerazoo.datasets.info("digits"), name="toy", class_names=tuple("0123456789")
    )
    monkeypatch.setattr("kerazoo.zoo.open_model", lambda name: net)
    monkeypatch.setattr("kerazoo.zoo.info", lambda name: card)
    monkeypatch.setattr("kerazoo.zoo.list_models", lambda: ["net"])
    monkeypatch.setattr("kerazoo.datasets.load_numpy", load_numpy)
    monkeypatch.setattr("kerazoo.datasets.info", lambda name: facts)
    return splits


@pytest.fixture
def converted(reports, monkeypatch):
    """Call it to convert the net no more: its file of that mode is there."""

    def stored(model, interface, *, quantize, **kwargs):
        return reports[quantize].path.read_bytes()

    return lambda: monkeypatch.setattr("kerazoo.exporters.tflite.convert", stored)


@pytest.mark.parametrize("by_name", [True, False])
def test_zoo_models_bring_their_own_data_and_labels(zoo, net, converted, tmp_path, by_name):
    if not by_name:
        converted()
    report = exporters.export("net" if by_name else net, tmp_path / "n.tflite", quantize="int8")
    assert report.data == "100 calibration samples and 200 test samples of toy"
    assert report.samples == 300
    assert report.integer_only
    loaded = exporters.load_tflite(tmp_path / "n.tflite")
    assert loaded.labels == list("0123456789")
    assert loaded.metadata["license"] == "MIT"
    assert loaded.metadata["dataset"] == "toy"


def test_without_a_test_split_the_end_of_training_data_is_held_out(zoo, converted, tmp_path):
    converted()
    del zoo["test"]
    report = exporters.export("net", tmp_path / "n.tflite", quantize="int8")
    assert report.data.endswith("200 samples from the end of training data of toy")


def test_without_any_data_float_files_are_checked_on_random_pixels(zoo, converted, tmp_path):
    converted()
    zoo.clear()
    report = exporters.export("net", tmp_path / "n.tflite")
    assert report.data == "200 random inputs (pixels 0..255)"
    with pytest.raises(DataError, match="toy has no train"):
        exporters.export("net", tmp_path / "n.tflite", quantize="int8")


def test_a_model_that_shares_only_the_name_gets_no_foreign_labels(zoo, tmp_path):
    other = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)], name="net")
    exporters.export(other, tmp_path / "n.tflite")
    assert exporters.load_tflite(tmp_path / "n.tflite").labels is None


def test_labels_beside_a_keras_file_go_into_the_file(tmp_path):
    mine = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)], name="mine")
    mine.save(tmp_path / "mine.keras")
    (tmp_path / "mine.labels.json").write_text('["cat", "dog"]')
    exporters.export(str(tmp_path / "mine.keras"), tmp_path / "mine.tflite")
    assert exporters.load_tflite(tmp_path / "mine.tflite").labels == ["cat", "dog"]


def test_saved_model(small, numbers, tmp_path):
    import tensorflow as tf

    report = exporters.export(small, tmp_path / "folder" / "small")
    loaded = tf.saved_model.load(tmp_path / "folder" / "small")
    outputs = loaded.serve(numbers)
    np.testing.assert_allclose(outputs, small.predict(numbers, verbose=0), atol=1e-5)
    assert report.format == "saved_model"
    assert report.max_abs_error < 1e-5
    # An earlier export may be replaced.
    exporters.export(small, tmp_path / "folder" / "small", verify=False)
    assert [path.name for path in (tmp_path / "folder").iterdir()] == ["small"]


def test_keras_file(small, numbers, tmp_path):
    report = exporters.export(small, tmp_path / "small.keras")
    loaded = keras.saving.load_model(tmp_path / "small.keras", safe_mode=True)
    np.testing.assert_array_equal(
        loaded.predict(numbers, verbose=0), small.predict(numbers, verbose=0)
    )
    assert (report.format, report.max_abs_error, report.agreement) == ("keras", 0.0, 1.0)


def test_keras_file_that_could_not_be_loaded_again_is_refused(tmp_path):
    class Private(keras.layers.Layer):
        def call(self, x):
            return x + 1

    model = keras.Sequential([keras.Input((4,)), Private()])
    with pytest.raises(ExportError, match="register_keras_serializable"):
        exporters.export(model, tmp_path / "m.keras")
    assert list(tmp_path.iterdir()) == []


def test_onnx(small, numbers, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("tf2onnx")
    report = exporters.export(small, tmp_path / "m.onnx")
    session = onnxruntime.InferenceSession(str(tmp_path / "m.onnx"))
    (outputs,) = session.run(None, {session.get_inputs()[0].name: numbers})
    np.testing.assert_allclose(outputs, small.predict(numbers, verbose=0), atol=1e-5)
    assert report.max_abs_error < 1e-5


def test_onnx_without_its_packages(small, tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'kerazoo\[onnx\]'"):
        exporters.export(small, tmp_path / "m.onnx")


@pytest.mark.parametrize(
    ("path", "arguments", "message"),
    [
        ("m.pb", {}, r"must end in .tflite, .onnx, .keras"),
        ("m.h5", {}, r"must end in .tflite, .onnx, .keras"),
        ("m.keras", {"quantize": "int8"}, "needs a path that ends in .tflite"),
        ("m", {"quantize": "int8"}, "needs a path that ends in .tflite"),
        ("m", {"batch": 4}, "for .tflite files"),
        ("m.keras", {"labels": ["a", "b", "c"]}, "stored in .tflite files only"),
        ("m.tflite", {"batch": 0}, "must be 1 or above"),
        ("m.tflite", {"batch": "1"}, "must be 1 or above"),
    ],
)
def test_arguments_that_do_not_go_together(small, tmp_path, path, arguments, message):
    with pytest.raises(ExportError, match=message):
        exporters.export(small, tmp_path / path, **arguments)
    assert list(tmp_path.iterdir()) == []


def test_folders_of_the_user_are_left_alone(small, tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.png").write_bytes(b"cat")
    with pytest.raises(ExportError, match="holds no SavedModel"):
        exporters.export(small, tmp_path / "photos")
    (tmp_path / "m.tflite").mkdir()
    with pytest.raises(ExportError, match="is a folder"):
        exporters.export(small, tmp_path / "m.tflite")
    (tmp_path / "file").write_text("text")
    with pytest.raises(ExportError, match="is a file"):
        exporters.export(small, tmp_path / "file")
    assert (tmp_path / "photos" / "cat.png").read_bytes() == b"cat"


def test_a_folder_that_cannot_be_made(small, tmp_path):
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(RunError, match="Cannot create the folder"):
        exporters.export(small, tmp_path / "taken" / "m.tflite")


@pytest.mark.parametrize("name", ["m.tflite", "m.keras", "m"])
def test_a_full_disk_leaves_the_previous_file(small, tmp_path, monkeypatch, name):
    if name == "m":
        (tmp_path / name).mkdir()
    (tmp_path / name / "saved_model.pb" if name == "m" else tmp_path / name).write_bytes(b"old")
    before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(RunError, match="No space left on device"):
        exporters.export(small, tmp_path / name, verify=False)
    assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == before


@pytest.mark.parametrize("thing", [None, 3, np.zeros(3)])
def test_things_that_are_no_model(thing, tmp_path):
    with pytest.raises(ExportError, match=r"Expected a keras.Model"):
        exporters.export(thing, tmp_path / "m.tflite")


def test_subclassed_models_are_told_how_to_be_wrapped(tmp_path):
    class Own(keras.Model):
        def call(self, x):
            return x * 2

    with pytest.raises(ExportError, match=r"keras.Model\(x, model\(x\)\)"):
        exporters.export(Own(), tmp_path / "m.tflite")


def test_other_backends_are_told_what_to_do(small, tmp_path, monkeypatch):
    monkeypatch.setattr("keras.backend.backend", lambda: "jax")
    with pytest.raises(ExportError, match="KERAS_BACKEND=tensorflow"):
        exporters.export(small, tmp_path / "m.tflite")


def test_nothing_but_our_lines_reaches_the_terminal(small, tmp_path, capfd):
    exporters.export(small, tmp_path / "m.tflite")
    captured = capfd.readouterr()
    assert (captured.out, captured.err) == ("", "")
