"""Configs that would run code, read files or exhaust memory: one test for each known hole."""

import base64
import json
import marshal
import zipfile

import pytest

import kerazoo
from kerazoo.errors import DataError
from tests.convert.old_files import MODELS
from tests.scan.hostile_files import (
    DENSE,
    dangers,
    function,
    h5_model,
    keras_file,
    layer,
    model,
    weights_h5,
)

CODE = base64.b64encode(marshal.dumps((lambda inputs: inputs).__code__)).decode()
LAMBDA = {
    "class_name": "__lambda__",
    "config": {"code": CODE, "defaults": None, "closure": None},
}


def config_dangers(tmp_path, *layers):
    return dangers(keras_file(tmp_path / "model.keras", model(*layers)))


def test_an_honest_model(tmp_path):
    report = kerazoo.verify(keras_file(tmp_path / "model.keras"))
    assert report.is_safe
    assert report.findings == ()
    assert report.kind == "Keras model"


def test_code_in_a_lambda_layer(tmp_path):
    """CVE-2024-3660, CVE-2026-12481."""
    found = config_dangers(tmp_path, DENSE, layer("Lambda", function=LAMBDA))
    assert "config.json: 'lambda': carries Python code (a lambda)" in found


def test_code_in_another_argument(tmp_path):
    keep = function("relu", "builtins")
    found = config_dangers(tmp_path, layer("Lambda", function=keep, output_shape=LAMBDA))
    assert "carries Python code" in found


def test_code_in_a_layer_of_another(tmp_path):
    inner = layer("Lambda", function=LAMBDA)
    found = config_dangers(tmp_path, layer("TimeDistributed", layer=model(inner)))
    assert "carries Python code" in found


@pytest.mark.parametrize("code", [[CODE, None, None], {"class_name": "__tuple__", "items": [CODE]}])
def test_code_in_a_whole_h5_model(tmp_path, code):
    """CVE-2025-9905: reading .h5 files, safe mode was not heeded."""
    old = {
        "class_name": "Lambda",
        "config": {"name": "evil", "function": code, "function_type": "lambda"},
    }
    config = {"class_name": "Sequential", "config": {"name": "s", "layers": [old]}}
    found = dangers(h5_model(tmp_path / "old.h5", config))
    assert "model_config, 'evil': a Lambda layer that carries Python code" in found


@pytest.mark.parametrize(
    ("name", "module"),
    [
        ("system", "os"),  # CVE-2025-1550
        ("run", "subprocess"),
        ("heapify", "heapq"),
        ("exec", "builtins"),
        ("__import__", "builtins"),
        ("Lambda", "evil"),
        ("TFOpLambda", "evil"),
        ("get_file", "keras.utils"),  # CVE-2025-8747
        ("load_model", "keras.saving"),
        ("load_model", "keras.models"),
        ("model_from_json", "keras.src.models.model"),
        ("enable_unsafe_deserialization", "keras.config"),  # CVE-2025-9906
        ("func_load", "keras.src.utils.python_utils"),
        ("plot_model", "keras.utils"),
        ("set_backend", "keras.config"),
        ("ResNet50", "keras.applications"),  # it would fetch weights
        ("trust", "kerazoo.hub.trust"),
        ("export", "kerazoo"),
    ],
)
@pytest.mark.parametrize("kind", ["function", "class"])
def test_names_that_are_no_part_of_a_model(tmp_path, name, module, kind):
    gadget = function(name, module) if kind == "function" else layer(name, module)
    assert name in config_dangers(tmp_path, layer("Dense", units=2, activation=gadget))


@pytest.mark.parametrize("place", ["build_config", "compile_config"])
def test_every_part_of_a_config_is_read(tmp_path, place):
    config = {**model(DENSE), place: {"loss": function("system", "os")}}
    assert "'system' of the module 'os'" in dangers(keras_file(tmp_path / "m.keras", config))


@pytest.mark.parametrize(
    ("kind", "what"),
    [
        ("TorchModuleWrapper", "loads a pickle"),  # CVE-2025-49655
        ("TFSMLayer", "loads and runs a SavedModel"),  # CVE-2026-1462
    ],
)
def test_layers_that_load(tmp_path, kind, what):
    assert what in config_dangers(tmp_path, layer(kind, filepath="/tmp/evil"))


@pytest.mark.parametrize("kind", ["StringLookup", "IntegerLookup", "TextVectorization"])
@pytest.mark.parametrize("vocabulary", ["/etc/passwd", "http://127.0.0.1/latest"])
def test_vocabularies_in_files(tmp_path, kind, vocabulary):
    """CVE-2025-12058."""
    found = config_dangers(tmp_path, layer(kind, vocabulary=vocabulary))
    assert f"{kind} reads its vocabulary from the file {vocabulary!r}" in found
    honest = keras_file(tmp_path / "h.keras", model(layer(kind, vocabulary=["a", "b"])))
    assert kerazoo.verify(honest).is_safe


@pytest.mark.parametrize(
    "bomb",
    [
        layer("Dense", units=1 << 40),
        layer("Dense", units=1 << 20, build={"input_shape": [None, 1 << 20]}),
        layer("Embedding", input_dim=1 << 30, output_dim=1 << 10),
        layer("Conv2D", filters=1 << 14, kernel_size=[1 << 10, 1 << 10]),
        layer("LSTM", units=1e30),
    ],
)
def test_sizes_that_no_weights_are_there_for(tmp_path, bomb):
    """CVE-2026-0897, CVE-2026-12570."""
    assert "10 are stored: making them would exhaust memory" in config_dangers(tmp_path, bomb)
    assert "8 are stored" in dangers(h5_model(tmp_path / "old.h5", model(bomb)))


def test_classes_of_ones_own(tmp_path):
    own = {**layer("Mine", "my_layers"), "registered_name": "my>Mine"}
    assert "'Mine' of the module 'my_layers'" in config_dangers(tmp_path, own)
    for module in (None, "__main__"):
        path = keras_file(tmp_path / "m.keras", model({**own, "module": module}))
        report = kerazoo.verify(path)
        assert report.is_safe
        assert "your program must" in report.findings[0].what


@pytest.mark.parametrize("module", [None, "tf_keras.src.layers.core.tf_op_layer"])
def test_functions_of_tensorflow_by_name(tmp_path, module):
    """Keras 2 writes calls of `tf.math.multiply` and the like so, and calls whatever is named."""
    for evil in ("io.write_file", "py_function", "raw_ops.ReadFile", "compat.v1.load_library", 7):
        call = layer("TFOpLambda", module, function=evil)
        assert f"calls TensorFlow's function {evil!r}" in config_dangers(tmp_path, call)
    for honest in ("math.multiply", "__operators__.getitem", "reshape", "compat.v1.transpose"):
        call = layer("SlicingOpLambda", module, function=honest)
        assert kerazoo.verify(keras_file(tmp_path / "m.keras", model(call))).findings == ()


@pytest.mark.parametrize("path", sorted(MODELS.glob("*.[hk]*")), ids=lambda path: path.name)
def test_files_of_keras_2(path):
    """Written by tf_keras and earlier ones, not by hand."""
    report = kerazoo.verify(path)
    assert report.is_safe, str(report)


def test_kerazoos_own_classes_pass(tmp_path):
    own = {**layer("DropPath", "kerazoo.layers.drop_path"), "registered_name": "kerazoo>DropPath"}
    assert kerazoo.verify(keras_file(tmp_path / "m.keras", model(own))).findings == ()


@pytest.mark.parametrize("config", ["{", "[" * 100_000, "", "text"])
def test_damaged_configs(tmp_path, config):
    path = tmp_path / "config.json"
    path.write_text(config)
    with pytest.raises(DataError) as error:
        kerazoo.verify(path)
    assert "\n" not in str(error.value)


def test_json_of_other_kinds(tmp_path):
    path = tmp_path / "labels.json"
    for config in ('"text"', "7", "[]", '{"class_name": null}'):
        path.write_text(config)
        assert kerazoo.verify(path).is_safe == ("class_name" not in config)


def test_a_config_too_deep_for_python_in_an_h5_file(tmp_path):
    with pytest.raises(DataError, match="model_config is no JSON"):
        kerazoo.verify(h5_model(tmp_path / "old.h5", "[" * 30_000))


def test_a_file_without_config_is_no_model(tmp_path):
    path = tmp_path / "m.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("model.weights.h5", weights_h5())
    with pytest.raises(DataError, match="holds no config.json"):
        kerazoo.verify(path)


def test_a_config_alone(tmp_path):
    path = tmp_path / "config.json"
    path.write_text(json.dumps(model(layer("Lambda", function=LAMBDA))))
    assert "config.json: 'lambda': carries Python code" in dangers(path)
