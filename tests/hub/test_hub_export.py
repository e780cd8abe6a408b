"""Exports of models with a HubLayer, checked by the export's own comparison."""

import keras
import numpy as np
import pytest

import kerazoo
from kerazoo.hub import HubLayer

pytestmark = pytest.mark.usefixtures("tensorflow_backend")


@pytest.fixture
def model(saved_models):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 3))
    maps = HubLayer(saved_models("several"), output_key=0, trainable=True)(inputs)
    outputs = keras.layers.Dense(3)(keras.layers.GlobalAveragePooling2D()(maps))
    model = keras.Model(inputs, outputs)
    for variable in model.trainable_variables:  # as after a training: not what was loaded
        variable.assign(1.1 * variable + 0.01)
    return model, np.random.default_rng(0).normal(size=(64, 8, 8, 3)).astype("float32")


@pytest.mark.parametrize(
    "quantize",
    [
        None,
        "int8",
        *(pytest.param(mode, marks=pytest.mark.slow) for mode in ("float16", "dynamic")),
    ],
)
def test_a_tflite_file_agrees_with_the_model(quantize, model, tmp_path):
    net, images = model
    report = kerazoo.export(net, tmp_path / "m.tflite", quantize=quantize, calibration=images)
    assert report.agreement is not None  # which export checks against the mode's tolerance
    assert report.integer_only == (quantize == "int8")
    expected = net.predict(images[:4], verbose=0)
    found = kerazoo.load_tflite(tmp_path / "m.tflite")(images[:4])
    tolerance = {None: 1e-5, "float16": 1e-2, "dynamic": 0.05, "int8": 0.1}[quantize]
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * np.abs(expected).max())


def test_a_saved_model_of_it_takes_texts(saved_models, tmp_path):
    """Tables of words, which are no variables, have to come along."""
    import tensorflow as tf

    inputs = keras.Input((), dtype="string")
    model = keras.Model(inputs, HubLayer(saved_models("text"))(inputs))
    model.export(str(tmp_path / "exported"), verbose=False)
    texts = tf.constant(["good ugly", "unknown"])
    loaded = tf.saved_model.load(str(tmp_path / "exported"))
    np.testing.assert_allclose(
        loaded.serve(texts), model.predict(texts, verbose=0), rtol=0, atol=1e-6
    )


def test_mixed_precision_is_exported_in_float32(saved_models, rows, tmp_path):
    layer = HubLayer(saved_models("reusable"), dtype="mixed_bfloat16", trainable=True)
    model = keras.Sequential([keras.Input((4,)), layer])
    report = kerazoo.export(model, tmp_path / "m.tflite", calibration=rows(64))
    exact = HubLayer(saved_models("reusable"))
    np.testing.assert_allclose(
        kerazoo.load_tflite(tmp_path / "m.tflite")(rows()), exact(rows()), rtol=0, atol=1e-5
    )
    assert report.max_abs_error < 1e-5
