"""What "int8_io" promises is kept or refused; checked with the runtime itself."""

import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from keras import layers

import kerazoo
import kerazoo.exporters as exporters
from kerazoo.errors import ExportError

ROWS = np.random.default_rng(0).normal(size=(40, 4)).astype("float32")


def test_float_inputs_become_integers_beside_an_input_of_indices(tmp_path):
    keras.utils.set_random_seed(0)
    values, words = keras.Input((4,), name="values"), keras.Input((3,), dtype="int32", name="words")
    embedded = layers.Flatten()(layers.Embedding(5, 2)(words))
    both = layers.Concatenate()([layers.Dense(6)(values), embedded])
    model = keras.Model([values, words], layers.Dense(2)(both))
    samples = {"values": ROWS, "words": np.arange(120, dtype="int32").reshape(40, 3) % 5}
    path = tmp_path / "m.tflite"
    exporters.export(model, path, quantize="int8_io", calibration=samples)
    interpreter = Interpreter(model_path=str(path))
    runner = interpreter.get_signature_runner("serving_default")
    taken = {name: detail["dtype"] for name, detail in runner.get_input_details().items()}
    assert taken == {"values": np.int8, "words": np.int32}
    (given,) = runner.get_output_details().values()
    assert given["dtype"] == np.int8


@pytest.mark.parametrize(("skip", "end"), [("y", "'y'"), ("x", "'numbers'")])
def test_a_layer_left_in_float_at_an_end_is_named(tmp_path, skip, end):
    inputs = keras.Input((4,), name="numbers")
    model = keras.Model(inputs, layers.Dense(3, name="y")(layers.Dense(5, name="x")(inputs)))
    aware = kerazoo.compress.quantize_aware(model, skip=[skip])
    kerazoo.compress.calibrate(aware, ROWS)
    with pytest.raises(ExportError, match=f"{end} would be float32.*quantize='int8'"):
        exporters.export(aware, tmp_path / "m.tflite", quantize="int8_io", verify=False)
    assert list(tmp_path.iterdir()) == []
    if skip == "y":  # the way out that is named: once is enough
        report = exporters.export(aware, tmp_path / "m.tflite", quantize="int8", calibration=ROWS)
        assert "FULLY_CONNECTED" in report.float_ops
