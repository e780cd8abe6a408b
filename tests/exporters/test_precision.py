import keras
import numpy as np
import pytest

import kerazoo.exporters as exporters
from kerazoo.errors import ExportError


@pytest.fixture
def dense_of():
    def build(dtype):
        keras.utils.set_random_seed(0)
        block = keras.Sequential([keras.layers.Dense(8, dtype=dtype)], name="block")
        return keras.Sequential([keras.Input((4,)), block, keras.layers.Dense(3, dtype=dtype)])

    return build


def test_mixed_precision_is_exported_in_float32(dense_of, numbers, tmp_path, caplog, monkeypatch):
    monkeypatch.setattr("kerazoo.notices._said", set())
    mixed, plain = dense_of("mixed_bfloat16"), dense_of("float32")
    plain.set_weights(mixed.get_weights())
    before = mixed.predict(numbers, verbose=0)
    report = exporters.export(mixed, tmp_path / "m.tflite")
    outputs = exporters.load_tflite(report.path)(numbers)
    np.testing.assert_allclose(outputs, plain.predict(numbers, verbose=0), atol=1e-5)
    assert report.per_layer.layers[-1].relative_error < 1e-5
    assert "computes in mixed_bfloat16" in caplog.text
    np.testing.assert_array_equal(mixed.predict(numbers, verbose=0), before)  # left as it was
    assert mixed.layers[-1].dtype_policy.name == "mixed_bfloat16"


@pytest.mark.parametrize("dtype", ["float16", "float64"])
def test_weights_in_other_precisions_are_refused(dense_of, tmp_path, dtype):
    with pytest.raises(ExportError, match=f"is {dtype}.*float32"):
        exporters.export(dense_of(dtype), tmp_path / "m.tflite")


def test_layers_quantized_by_keras_are_refused(dense_of, tmp_path):
    model = dense_of("float32")
    model.quantize("int8")
    with pytest.raises(ExportError, match=r"quantized by model.quantize\(\)"):
        exporters.export(model, tmp_path / "m.tflite")


def test_adapted_and_given_normalizations_of_mixed_models_keep_their_numbers(tmp_path):
    adapted = keras.layers.Normalization(dtype="mixed_bfloat16")
    adapted.adapt(np.array([[10.0, -20.0], [14.0, -26.0]], "float32"))
    given = keras.layers.Normalization(mean=[3.0, 4.0], variance=[4.0, 1.0], dtype="mixed_bfloat16")
    model = keras.Sequential([keras.Input((2,)), adapted, given])
    report = exporters.export(model, tmp_path / "m.tflite", verify=False)
    outputs = exporters.load_tflite(report.path)(np.array([[14.0, -20.0]], "float32"))
    np.testing.assert_allclose(outputs, [[-1.0, -3.0]], atol=1e-6)
