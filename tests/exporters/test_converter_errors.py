import keras
import numpy as np
import pytest
import tensorflow as tf

import kerazoo.exporters as exporters
from kerazoo.errors import ExportError

STEPS = np.random.default_rng(0).normal(size=(20, 3, 3)).astype("float32")


def recurrent(layer):
    keras.utils.set_random_seed(0)
    return keras.Sequential([keras.Input((3, 3)), layer, keras.layers.Dense(2)], name="text")


def test_an_open_batch_makes_a_recurrent_layer_need_flex(tmp_path):
    model = recurrent(keras.layers.LSTM(4, name="reader"))
    with pytest.raises(ExportError, match="layer 'reader' uses TensorList.*unroll=True") as caught:
        exporters.export(model, tmp_path / "m.tflite", batch=None)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_loop_cannot_be_calibrated_and_does_not_crash(tmp_path):
    """Without the check, TensorFlow 2.21's calibrator ends the process here."""
    model = recurrent(keras.layers.GRU(4, name="reader"))
    with pytest.raises(ExportError, match="layer 'reader' runs a loop.*unroll=True"):
        exporters.export(model, tmp_path / "m.tflite", quantize="int8", calibration=STEPS)


@pytest.mark.parametrize(("layer", "batch"), [(keras.layers.LSTM, None), (keras.layers.GRU, 1)])
def test_unrolled_layers_need_no_flex(tmp_path, layer, batch):
    model = recurrent(layer(4, unroll=True))
    report = exporters.export(model, tmp_path / "m.tflite", batch=batch)
    assert not any(name.startswith("Flex") or name == "WHILE" for name in report.ops)
    outputs = exporters.load_tflite(report.path)(STEPS)
    np.testing.assert_allclose(outputs, model.predict(STEPS, verbose=0), atol=1e-5)


def test_a_fixed_batch_turns_a_loop_into_plain_operators(tmp_path):
    model = recurrent(keras.layers.LSTM(4))
    report = exporters.export(model, tmp_path / "m.tflite")
    assert report.ops["WHILE"] == 1
    outputs = exporters.load_tflite(report.path)(STEPS)
    np.testing.assert_allclose(outputs, model.predict(STEPS, verbose=0), atol=1e-5)


@keras.saving.register_keras_serializable(package="kerazoo_tests")
class Inverse(keras.layers.Layer):
    def call(self, x):
        return tf.linalg.inv(x)


def test_an_operator_without_a_counterpart_names_its_nested_layer(tmp_path):
    inner = keras.Sequential([Inverse(name="odd")], name="inner")
    model = keras.Sequential([keras.Input((3, 3)), inner, keras.layers.Flatten()], name="m")
    with pytest.raises(ExportError, match="layer 'inner/odd' uses MatrixInverse"):
        exporters.export(model, tmp_path / "m.tflite")


def test_operators_that_stay_in_float_are_named(tmp_path):
    """Layer normalization has no integer form in the converter: the report must not hide it."""
    layers = [keras.Input((3, 3)), keras.layers.LayerNormalization(), keras.layers.Flatten()]
    keras.utils.set_random_seed(0)
    model = keras.Sequential([*layers, keras.layers.Dense(2)])
    report = exporters.export(model, tmp_path / "m.tflite", quantize="int8", calibration=STEPS)
    assert report.integer_only is False
    assert "NEG" in report.float_ops
    assert "in float" in str(report)
