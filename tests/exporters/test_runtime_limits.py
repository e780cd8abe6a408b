"""A layer that gives nothing but 0 makes a file that the runtime refuses: the error names it."""

import keras
import numpy as np
import pytest

import kerazoo.exporters as exporters
from kerazoo.errors import ExportError


def net(dead):
    keras.utils.set_random_seed(0)
    bias = keras.initializers.Constant(-1000.0 if dead else 0.0)
    inputs = keras.Input((8, 8, 3), name="image")
    x = keras.layers.Conv2D(4, 3, activation="relu", name="alive")(inputs)
    x = keras.layers.Conv2D(4, 3, activation="relu", bias_initializer=bias, name="suspect")(x)
    x = keras.layers.Conv2D(4, 3, activation="relu", name="after")(x)
    return keras.Model(inputs, keras.layers.Flatten(name="flat")(x), name="net")


@pytest.fixture
def images():
    return np.random.default_rng(0).random((20, 8, 8, 3)).astype("float32")


def test_the_dead_layer_is_named_and_no_file_is_left(images, tmp_path):
    with pytest.raises(
        ExportError, match=r"layer 'suspect' \(scale 7.8e-09\).*dead ReLU"
    ) as caught:
        exporters.export(net(True), tmp_path / "m.tflite", quantize="int8", calibration=images)
    assert "after" not in str(caught.value)  # its own range is empty too, but not the cause
    assert "alive" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_living_layer_is_no_trouble(images, tmp_path):
    report = exporters.export(
        net(False), tmp_path / "m.tflite", quantize="int8", calibration=images
    )
    assert report.integer_only
