"""Configs that would run code, read files or exhaust memory: one test for each known hole."""

import base64
import io
import json
import marshal
import zipfile

import numpy as np
import pytest

import kerazoo
from kerazoo.errors import DataError
from kerazoo.scan import keras_config
from kerazoo.scan.config_sizes import least_numbers
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


def old_model(kind, **config):
    """A layer of Keras 2 in a model of one."""
    old = {"class_name": kind, "config": {"name": "evil", **config}}
    return {"class_name": "Sequential", "config": {"name": "s", "layers": [old]}}


@pytest.mark.parametrize("key", ["output_shape", "mask"])
@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ([CODE, None, None], "lambda"),
        ([CODE, None, None], "raw"),
        ({"class_name": "__tuple__", "items": [CODE, None, None]}, None),
        (7, "lambda"),
    ],
)
def test_code_in_another_argument_of_keras_2(tmp_path, key, code, kind):
    """tf_keras makes functions of these two as well, wherever the type says "lambda"."""
    plain = {"function": "relu", "function_type": "function"}
    config = old_model("Lambda", **plain, **{key: code, f"{key}_type": kind})
    assert "'evil': a Lambda layer that carries Python code" in dangers(
        h5_model(tmp_path / "old.h5", config)
    )


def test_functions_of_other_modules_in_a_lambda_of_keras_2(tmp_path):
    config = old_model("Lambda", function="relu", mask="system", mask_module="os")
    assert "'system' of the module 'os'" in dangers(h5_model(tmp_path / "old.h5", config))


@pytest.mark.parametrize("shape", [None, [None, 4], [4], {"class_name": "__tuple__", "items": [4]}])
def test_shapes_in_a_lambda_of_keras_2_are_no_code(tmp_path, shape):
    config = old_model("Lambda", function="relu", output_shape=shape, output_shape_type="raw")
    assert kerazoo.verify(h5_model(tmp_path / "old.h5", config)).is_safe


@pytest.mark.parametrize(
    ("kind", "config", "what"),
    [
        ("TensorFlowOpLayer", {"node_def": {"op": "WriteFile"}}, "operation 'WriteFile'"),
        ("TensorFlowOpLayer", {"node_def": {"op": "EagerPyFunc"}}, "operation 'EagerPyFunc'"),
        ("TensorFlowOpLayer", {"node_def": "\n\u0001w\u0012\tWriteFile"}, "operation None"),
        ("TensorFlowOpLayer", {"node_def": {"op": ["WriteFile"]}}, "operation ['Wr"),
        ("ClassMethod", {"cls_symbol": "io.write_file", "method_name": "__call__"}, "io.write_fil"),
        ("ClassMethod", {"cls_symbol": ["RaggedTensor"], "method_name": "a"}, "calls 'a' of Tens"),
        ("ClassMethod", {"cls_symbol": "RaggedTensor", "method_name": "__class__"}, "'__class__'"),
        ("InstanceProperty", {"attr_name": "__class__"}, "asks a tensor for '__class__'"),
        ("InstanceMethod", {"attr_name": "_copy_to_device"}, "asks a tensor for '_copy"),
    ],
)
def test_layers_of_keras_2_that_call_tensorflow(tmp_path, kind, config, what):
    """Keras 2 runs whatever operation, class or method these name."""
    assert what in dangers(h5_model(tmp_path / "old.h5", old_model(kind, **config)))


@pytest.mark.parametrize(
    ("kind", "config"),
    [
        ("TensorFlowOpLayer", {"node_def": {"op": "AddV2", "input": ["a", "b"]}}),
        ("ClassMethod", {"cls_symbol": "RaggedTensor", "method_name": "from_row_splits"}),
        ("InstanceMethod", {"attr_name": "with_values"}),
        ("InstanceProperty", {"attr_name": "flat_values"}),
    ],
)
def test_honest_layers_of_keras_2_that_call_tensorflow(tmp_path, kind, config):
    path = h5_model(tmp_path / "old.h5", old_model(kind, **config))
    assert kerazoo.verify(path).findings == ()


DISTILLER = {"module": "kerazoo.distill.distiller", "registered_name": "kerazoo>Distiller"}


@pytest.mark.parametrize("teacher", ["/tmp/evil", ["/tmp/evil"], {"class_name": "Dense"}])
def test_a_teacher_that_is_opened(tmp_path, teacher):
    """A distiller of kerazoo would load a SavedModel from there, and run it in training."""
    evil = {**layer("Distiller", student=model(DENSE), teacher=teacher), **DISTILLER}
    assert "a Distiller with the teacher" in dangers(keras_file(tmp_path / "m.keras", evil))


def test_honest_distillers(tmp_path):
    """kerazoo's names no teacher; Keras's own has the config of one."""
    for module, teacher in (("kerazoo.distill.distiller", None), ("keras.distillation", model())):
        honest = layer("Distiller", module, student=model(DENSE), teacher=teacher)
        assert kerazoo.verify(keras_file(tmp_path / "m.keras", honest)).findings == ()


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


HUGE = layer("Dense", units=1 << 20, build={"input_shape": [None, 1 << 20]})


@pytest.mark.parametrize("arrays", [None, {"a": np.ones(3)}], ids=["no weights", "npz"])
def test_sizes_without_a_weights_file_of_hdf5(tmp_path, arrays):
    path = tmp_path / "m.keras"
    for config, is_safe in ((model(HUGE), False), (model(DENSE), True)):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("config.json", json.dumps(config))
            if arrays:
                content = io.BytesIO()
                np.savez(content, **arrays)
                archive.writestr("model.weights.npz", content.getvalue())
        report = kerazoo.verify(path)
        assert report.is_safe == is_safe, str(report)
        assert is_safe or f"{3 * bool(arrays)} are stored: making them" in str(report)


@pytest.mark.parametrize("kind", ["Dense", "Conv2D", "LSTM"])
def test_layers_that_leave_out_their_input_shape(tmp_path, kind):
    """The first makes the second's input as large as it likes."""
    size = {"filters" if kind == "Conv2D" else "units": 4_000_000}
    comes_in = layer("InputLayer", batch_shape=[None, 1])
    found = config_dangers(tmp_path, comes_in, layer(kind, **size), layer(kind, **size))
    assert "10 are stored: making them would exhaust memory" in found


@pytest.mark.parametrize("build", [{"input_shape": [None, 1]}, {"query_shape": [None, 1]}])
def test_input_shapes_that_keras_does_not_believe(tmp_path, build):
    """Without a module it reads the older form; a query's shape is read in `shapes_dict` alone."""
    dense = layer("Dense", units=200_000, build=build)
    if "input_shape" in build:
        del dense["module"]
    comes_in = layer("InputLayer", batch_shape=[None, 200_000])
    found = config_dangers(tmp_path, comes_in, *[dense] * 10)
    assert "making them would exhaust memory" in found


@pytest.mark.parametrize(
    "bomb",
    [
        layer("GRU", units=1 << 17, build={"input_shape": [None, 1, 1]}),
        layer("DepthwiseConv2D", kernel_size=[1 << 14] * 2, build={"input_shape": [1, 1, 1, 1]}),
        layer("MultiHeadAttention", num_heads=1 << 14, key_dim=1 << 14),
        layer(
            "Conv2D",
            filters=1,
            kernel_size={"class_name": "__tuple__", "items": [1 << 14, 1 << 14]},
            build={"input_shape": [1, 1, 1, 1]},
        ),
        layer("Dense", units=1 << 20, build={"input_shape": {"items": [None, 1 << 20]}}),
        layer(
            "Conv2D",
            filters=1 << 14,
            data_format="channels_first",
            build={"input_shape": [None, 1 << 14, 1, 1]},
        ),
    ],
    ids=lambda bomb: bomb["class_name"],
)
def test_sizes_of_other_layers(tmp_path, bomb):
    assert "10 are stored: making them" in config_dangers(tmp_path, bomb)


def test_a_separable_convolution_needs_less_than_a_whole_one(tmp_path):
    """The middle of Xception: 8 blocks of 3 such layers, each of 9 * 728 + 728 * 728 numbers."""
    one = layer(
        "SeparableConv2D",
        filters=728,
        kernel_size=[3, 3],
        depth_multiplier=1,
        build={"input_shape": [None, 19, 19, 728]},
    )
    numbers, unknown = least_numbers([one] * 24)
    assert (numbers, unknown) == (24 * 536_536, 0)
    path = keras_file(tmp_path / "m.keras", model(*[one] * 24))
    assert kerazoo.verify(path).is_safe


def test_models_that_were_never_built(tmp_path):
    path = tmp_path / "m.keras"
    with zipfile.ZipFile(path, "w") as archive:
        layers = layer("LSTM", units=256), layer("Dense", units=10)
        archive.writestr("config.json", json.dumps(model(*layers)))
    assert kerazoo.verify(path).findings == ()


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


@pytest.mark.parametrize("part", ["[]", "{}", "1", '"a"'])
def test_configs_of_very_many_parts(tmp_path, part):
    """A list of two bytes takes sixty of memory, and a file of kilobytes can hold millions."""
    path = tmp_path / "config.json"
    path.write_text(f"[{','.join([part] * ((1 << 20) + 2))}]")
    assert kerazoo.verify(path).findings == ()  # a vocabulary, say: no object of Keras's
    text = f"[{','.join([part] * ((1 << 20) + 2))}, {json.dumps(layer('Dense'))}]"
    path.write_text(text)
    with pytest.raises(DataError, match="parts, more than 1,048,576"):
        kerazoo.verify(path)
    with pytest.raises(DataError, match="parts, more than 1,048,576"):
        kerazoo.verify(h5_model(tmp_path / "old.h5", text))
    with zipfile.ZipFile(tmp_path / "m.keras", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", text)
    assert "parts, more than 1,048,576" in dangers(tmp_path / "m.keras")


def test_configs_of_very_many_bytes(tmp_path, monkeypatch):
    monkeypatch.setattr(keras_config, "LARGEST", 1000)
    path = tmp_path / "config.json"
    path.write_text('"' + "a" * 1000 + '"')
    with pytest.raises(DataError, match="has more than 1,000 bytes"):
        kerazoo.verify(path)


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
