"""`max_accuracy_drop`: as few layers in float as it takes, named, and the file keeps the limit."""

import keras
import numpy as np
import pytest
from keras import layers

import kerazoo
from kerazoo.errors import ConfigError, DataError, ExportError


@pytest.fixture(scope="module")
def net():
    """A classifier by construction, whose layer "spoilt" one large weight makes coarse."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8,), name="features")
    x = layers.Dense(16, activation="relu", name="fine")(inputs)
    x = layers.Dense(16, activation="relu", name="spoilt")(x)
    model = keras.Model(inputs, layers.Dense(3, name="logits")(x), name="net")
    fine, spoilt = model.get_layer("fine").kernel, model.get_layer("spoilt").kernel
    values = fine.numpy()
    values[:, 0] = 0  # gives 0, whatever comes in
    fine.assign(values)
    values = spoilt.numpy()
    values[0, 0] = 200 * np.abs(values).max()  # meets that 0, and makes the steps large
    spoilt.assign(values)
    return model


@pytest.fixture(scope="module")
def data(net):
    x = np.random.default_rng(0).normal(size=(400, 8)).astype("float32")
    return x, net.predict(x, verbose=0).argmax(-1)


@pytest.mark.slow
def test_the_layer_that_costs_most_stays_in_float(net, data, tmp_path):
    path = tmp_path / "net.tflite"
    report = kerazoo.export(
        net, path, quantize="int8", calibration=data, max_accuracy_drop=0.05, verify=False
    )
    assert report.float_layers == ("spoilt",)
    assert report.accuracy_drop <= 0.05
    x, y = data
    answers = np.asarray(kerazoo.load_tflite(path).predict(x)).argmax(-1)
    assert np.mean(answers == y) >= 0.94
    assert report.integer_only is False
    assert "FULLY_CONNECTED" in report.float_ops
    assert report.ops["FULLY_CONNECTED"] == 3
    assert report.to_dict()["float_layers"] == ["spoilt"]
    assert "spoilt" in str(report)


@pytest.mark.slow
def test_nothing_stays_in_float_where_the_limit_allows_it(net, data, tmp_path):
    x, y = data
    batches = [(x[:200], y[:200]), (x[200:], y[200:])]
    report = kerazoo.export(
        net,
        tmp_path / "net.tflite",
        quantize="int8",
        calibration=batches,
        max_accuracy_drop=0.9,
        verify=False,
    )
    assert report.float_layers == ()
    assert report.integer_only
    assert report.accuracy_drop > 0.1  # so that the test above has something to mend
    assert "no layer" in str(report)


def test_the_file_is_fed_by_its_own_names(data, tmp_path):
    """A file knows an input that has no name as "input_1", and "my-features" as "my_features"."""
    inputs = [keras.Input((8,), name="my-features"), keras.Input((8,))]
    model = keras.Model(inputs, layers.Dense(3)(layers.Concatenate()(inputs)))
    x, y = data
    report = kerazoo.export(
        model,
        tmp_path / "net.tflite",
        quantize="int8",
        calibration=((x, x), y),
        max_accuracy_drop=0.9,
        verify=False,
    )
    assert report.float_layers == ()


def test_layers_without_16_bits_get_their_ranges_from_the_data(data, tmp_path):
    model = keras.Sequential([keras.Input((8,)), layers.Dense(3, "softmax")])
    x, _ = data
    report = kerazoo.export(
        model,
        tmp_path / "net.tflite",
        quantize="int16x8",
        calibration=(x, model.predict(x, verbose=0).argmax(-1)),
        max_accuracy_drop=0.05,
        verify=False,
    )
    assert report.quantize == "int16x8"
    assert report.accuracy_drop <= 0.05


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ({"quantize": None}, ExportError, "needs `quantize` to be one of int16x8"),
        ({"quantize": "float16"}, ExportError, "Received: 'float16'"),
        ({"max_accuracy_drop": 1.5}, ConfigError, "`max_accuracy_drop`"),
        ({"max_accuracy_drop": -0.1}, ConfigError, "`max_accuracy_drop`"),
        ({"calibration": np.zeros((40, 8), "float32")}, DataError, "needs labels"),
        ({"calibration": None}, DataError, "needs labelled data"),
        ({"calibration": (np.zeros((4, 8)), np.zeros(4, int))}, DataError, "10 labelled samples"),
    ],
)
def test_what_is_refused(net, data, tmp_path, arguments, error, text):
    given = {"quantize": "int8", "max_accuracy_drop": 0.01, "calibration": data, **arguments}
    with pytest.raises(error, match=text):
        kerazoo.export(net, tmp_path / "net.tflite", **given)
    assert not (tmp_path / "net.tflite").exists()


def test_a_quantized_model_is_refused(net, data, tmp_path):
    quantized = kerazoo.compress.quantize_aware(net)
    with pytest.raises(ExportError, match="quantized already"):
        kerazoo.export(
            quantized,
            tmp_path / "net.tflite",
            quantize="int8",
            calibration=data,
            max_accuracy_drop=0.01,
        )
