"""Files of Keras 2 become Keras 3 models with tf_keras's outputs; none of their code runs.

tf_keras is not needed here: what it computed lies in keras2_models/.
"""

import base64
import functools
import marshal
from importlib import import_module

import keras
import numpy as np
import pytest

import kerazoo
from kerazoo.errors import ConversionError
from tests.convert.old_files import (
    MODELS,
    dense,
    dense_weights,
    functional,
    layer,
    mixed_data,
    write_h5,
)

FORMATS = ["mixed.h5", "mixed.keras", "mixed"]


@pytest.fixture(autouse=True)
def without_keras2(monkeypatch, request):
    """As where tf_keras is not installed."""
    monkeypatch.setattr(import_module("kerazoo.convert.from_keras2"), "has_keras2", lambda: False)


def convert(path, **arguments):
    return kerazoo.convert.from_keras2(path, **arguments)


@functools.cache
def converted(name):
    """For tests that leave the model as it is."""
    return convert(MODELS / name)


@pytest.mark.parametrize("name", FORMATS)
def test_outputs_are_those_of_tf_keras(name):
    inputs, expected = mixed_data()
    outputs = converted(name)(inputs)
    assert set(outputs) == set(expected)
    for key, values in expected.items():
        np.testing.assert_allclose(outputs[key], values, rtol=1e-5, atol=1e-6)


def test_names_and_flags_stay_and_the_model_reloads(tmp_path):
    model = converted("mixed.h5")
    names = [one.name for one in model.layers]
    assert {"image", "block", "lstm", "attention", "shared", "scaled_norm"} <= set(names)
    assert not model.get_layer("block").get_layer("norm").trainable
    assert model.get_layer("block").get_layer("conv").trainable
    model.save(tmp_path / "new.keras")
    again = keras.saving.load_model(tmp_path / "new.keras", safe_mode=True)
    inputs, expected = mixed_data()
    np.testing.assert_allclose(again(inputs)["logits"], expected["logits"], rtol=1e-5, atol=1e-6)


def test_without_tf_keras_it_says_that_nothing_was_compared(notices):
    convert(MODELS / "mixed.h5")
    assert any("mixed.h5 was converted, but not compared" in line for line in notices())


def test_a_lambda_is_refused_by_name_and_not_run(tmp_path):
    mark = tmp_path / "ran"
    code = compile(f"lambda x: open({str(mark)!r}, 'w')", "lambda", "eval").co_consts[0]
    stored = base64.b64encode(marshal.dumps(code)).decode()
    config = functional(
        layer("Lambda", ["x"], "scale", function=[stored, None, None], function_type="lambda")
    )
    with pytest.raises(ConversionError, match="'scale' is a Lambda: .* not executed.*`model=`"):
        convert(write_h5(tmp_path / "old.h5", config, {}))
    assert not mark.exists()


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (layer("Mystery", ["x"], "it"), "Layer 'it' is a Mystery, which Keras 3 does not have"),
        (layer("TFSMLayer", ["x"], "it", filepath="/tmp"), "'it' is a TFSMLayer"),
        (
            layer("TFOpLambda", ["x"], "it", function="io.write_file"),
            "Layer 'it' calls tf.io.write_file",
        ),
        (dense(["x"], "it", hidden=3), "Layer 'it' (Dense): Keras 3 has no argument `hidden`"),
        (
            layer("LSTM", ["x"], "it", units=2, time_major=True),
            "Keras 3 has no argument `time_major`",
        ),
        (
            layer("Activation", ["x"], "it", activation="my_own"),
            "has the activation 'my_own', which is the author's own",
        ),
        (
            dense(["x"], "it", kernel_quantizer={"class_name": "function", "config": "system"}),
            "Keras 3 has no argument `kernel_quantizer`",
        ),
        (dense(["y"], "it"), "config cannot be read"),
        (dense(["it"], "it"), "wait for each other"),
    ],
)
def test_what_has_no_equivalent_is_named(tmp_path, bad, message):
    path = write_h5(tmp_path / "old.h5", functional(bad), {"it": dense_weights()})
    with pytest.raises(ConversionError) as refused:
        convert(path)
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


def test_objects_in_a_config_are_not_made(tmp_path):
    """An initializer can be any object in Keras 2's format; weights make it useless."""
    evil = {"class_name": "system", "module": "os", "config": {"command": "touch ran"}}
    config = functional(dense(["x"], kernel_initializer=evil))
    weights = dense_weights()
    model = convert(write_h5(tmp_path / "old.h5", config, {"dense": weights}))
    x = np.ones((1, 4), "float32")
    np.testing.assert_allclose(model(x), x @ weights["kernel"] + weights["bias"], rtol=1e-6)


def test_swapped_weights_of_one_shape_are_noticed(tmp_path):
    norm = layer("BatchNormalization", ["x"], "norm", axis=[1])
    order = ["beta", "gamma", "moving_mean", "moving_variance"]
    weights = {"norm": {name: np.ones(4, "float32") for name in order}}
    with pytest.raises(ConversionError, match="'norm/beta:0' where 'norm/gamma' is expected"):
        convert(write_h5(tmp_path / "old.h5", functional(norm), weights))


def test_missing_and_misshapen_weights(tmp_path):
    config = functional(dense(["x"]))
    with pytest.raises(ConversionError, match="no weights for layer 'dense'"):
        convert(write_h5(tmp_path / "a.h5", config, {}))
    with pytest.raises(ConversionError, match=r"shape \(4, 2\), the file's .* \(3, 2\)"):
        convert(write_h5(tmp_path / "b.h5", config, {"dense": dense_weights(rows=3)}))


def test_a_class_of_the_callers_own_program_is_used(tmp_path, notices):
    @keras.saving.register_keras_serializable(package="old", name="Twice")
    class Twice(keras.layers.Layer):
        def call(self, inputs):
            return 2 * inputs

    path = write_h5(tmp_path / "old.h5", functional(layer("old>Twice", ["x"], "twice")), {})
    assert np.asarray(convert(path)(np.ones((1, 4)))).tolist() == [[2.0] * 4]


def small_model(*names):
    x = inputs = keras.Input((4,))
    for name in names:
        x = keras.layers.Dense(4, name=name)(x)
    return keras.Model(inputs, x)


def test_weights_only_by_name_and_else_in_order(tmp_path):
    first, second = dense_weights(units=4), dense_weights(units=4, seed=1)
    path = write_h5(tmp_path / "old.h5", "{}", {"a": first, "b": second})
    by_name = convert(path, model=small_model("b", "a"))
    np.testing.assert_array_equal(by_name.get_layer("a").kernel, first["kernel"])
    in_order = convert(path, model=small_model("one", "two"))
    np.testing.assert_array_equal(in_order.get_layer("one").kernel, first["kernel"])
    np.testing.assert_array_equal(in_order.get_layer("two").bias, second["bias"])
    some = small_model("b", "c")  # in order, b would get the weights of a
    before = some.get_weights()
    with pytest.raises(ConversionError, match="none for c; it has a, b. Name all layers"):
        convert(path, model=some)
    for old, new in zip(before, some.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_weights_only_of_files_without_a_model():
    model = convert(MODELS / "mixed.h5")
    inputs, expected = mixed_data()
    for variable in model.weights:
        variable.assign(keras.ops.zeros_like(variable))
    with pytest.raises(ConversionError, match="holds weights and no model"):
        convert(MODELS / "mixed.weights.h5")
    convert(MODELS / "mixed.h5", model=model)
    np.testing.assert_allclose(model(inputs)["logits"], expected["logits"], rtol=1e-5, atol=1e-6)


def test_weights_that_do_not_fit_leave_the_model_alone(tmp_path):
    path = write_h5(tmp_path / "old.h5", "{}", {"a": dense_weights(units=4)})
    model = small_model("b", "c")
    before = model.get_weights()
    with pytest.raises(ConversionError, match="2 layers with weights, the file 1"):
        convert(path, model=model)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_keras_3_files_and_others_are_told_apart(tmp_path):
    model = small_model("a")
    model.save(tmp_path / "three.keras")
    with pytest.raises(ConversionError, match="was written by Keras 3.*needs no conversion"):
        convert(tmp_path / "three.keras")
    with pytest.raises(ConversionError, match="is not there, or is a folder without.*PREFIX.index"):
        convert(tmp_path)
    with pytest.raises(ConversionError, match="A path or a tf_keras model is expected"):
        convert(model)
    model.export(tmp_path / "saved", verbose=False)
    with pytest.raises(ConversionError, match="SavedModel without a Keras 2 model"):
        convert(tmp_path / "saved")


def test_a_class_with_a_call_of_its_own_is_refused_with_a_way_out(tmp_path):
    path = write_h5(tmp_path / "old.h5", {"class_name": "MyModel", "config": {}}, {})
    with pytest.raises(ConversionError, match="MyModel is a class of the model's author.*`model=`"):
        convert(path)


def test_hard_sigmoid_is_keras_2s():
    x = np.linspace(-4, 4, 33)
    expected = np.clip(0.2 * x + 0.5, 0, 1)
    np.testing.assert_allclose(kerazoo.convert.keras2_hard_sigmoid(x), expected, atol=1e-6)
