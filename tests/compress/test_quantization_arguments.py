"""Arguments of the post-training helpers that are wrong, and models they are not for: one line."""

import keras
import numpy as np
import pytest
from keras import layers

import kerazoo
from kerazoo.compress import (
    adaround,
    calibrate,
    correct_bias,
    equalize,
    quantize_aware,
    sensitivity,
)
from kerazoo.compress._accuracy import accuracy
from kerazoo.errors import ConfigError, DataError, ExportError, UnknownNameError

pytestmark = pytest.mark.usefixtures("tensorflow_backend")
X = np.random.default_rng(0).normal(size=(16, 4)).astype("float32")


@pytest.fixture(scope="module")
def net():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((4,), name="x")
    hidden = layers.Dense(3, "relu", name="hidden")(inputs)
    return keras.Model(inputs, layers.Dense(2, name="y")(hidden), name="net")


@pytest.fixture(scope="module")
def quantized(net):
    return calibrate(quantize_aware(net), X)


def test_quantized_models_are_no_input(quantized):
    for refused in (
        lambda: equalize(quantized),
        lambda: adaround(quantized, X, progress=False),
        lambda: sensitivity(quantized, X, progress=False),
        lambda: quantize_aware(quantized),
    ):
        with pytest.raises(ConfigError, match="'net' is quantized already"):
            refused()


def test_what_is_no_model():
    for refused in (equalize, lambda m: adaround(m, X), lambda m: sensitivity(m, X)):
        with pytest.raises(ConfigError, match="`model` must be a keras.Model"):
            refused("mnist_cnn")
    with pytest.raises(ConfigError, match="is not built"):
        sensitivity(keras.Sequential([layers.Dense(2)]), X)


@pytest.mark.parametrize("arguments", [{"seed": -1}, {"seed": "a"}, {"skip": None}, {"skip": [1]}])
def test_adaround(net, arguments):
    with pytest.raises(ConfigError, match=f"`{next(iter(arguments))}`"):
        adaround(net, X, steps=1, progress=False, **arguments)


def test_adaround_skips_by_pattern(net):
    rounded = adaround(net, X, steps=1, bits=4, skip="hid*", progress=False)
    kernels = [model.get_layer("hidden").kernel for model in (rounded, net)]
    np.testing.assert_array_equal(*kernels)
    with pytest.raises(UnknownNameError, match="'hiden'.*'hidden'"):
        adaround(net, X, steps=1, skip="hiden")


def test_targets_of_regression_are_no_classes(net):
    targets = np.random.default_rng(1).normal(size=(16, 2))
    assert sensitivity(net, (X, targets), progress=False).metric == "error"
    assert sensitivity(net, (X, np.eye(2)[[0, 1] * 8]), progress=False).metric == "accuracy"


def test_accuracy_of_classes_that_the_outputs_do_not_have():
    with pytest.raises(DataError, match="classes from 0 to 1.*Received: 0 to 2"):
        accuracy(np.eye(2), np.array([0, 2]))
    with pytest.raises(DataError, match="classes as numbers"):
        accuracy(np.eye(2), np.array(["a", "b"]))


def test_accuracy_of_one_number_is_of_zeros_and_ones():
    outputs = np.array([[0.2], [0.9], [0.7]])
    assert accuracy(outputs, np.array([0, 1, 0])) == pytest.approx(2 / 3)
    with pytest.raises(DataError, match="0 or 1. Received: 18 to 90"):
        accuracy(outputs, np.array([18, 40, 90]))
    with pytest.raises(DataError, match="a 0 or 1 for each"):
        accuracy(outputs, np.eye(3))


@pytest.mark.parametrize(("ages", "metric"), [([18, 40] * 8, "error"), ([0, 1] * 8, "accuracy")])
def test_whole_numbers_of_a_regression_are_no_classes(ages, metric):
    model = keras.Sequential([keras.Input((4,)), layers.Dense(1)])
    assert sensitivity(model, (X, np.array(ages)), progress=False).metric == metric


def test_plots_and_metrics(net, tmp_path):
    result = sensitivity(net, X, progress=False)
    with pytest.raises(ConfigError, match=r"must end in .png"):
        result.plot(tmp_path / "chart.xyz")
    assert not list(tmp_path.iterdir())
    with pytest.raises(ConfigError, match="`metric` must be a name or a function"):
        sensitivity(net, (X, X[:, :2]), metric=3, progress=False)


def test_bias_correction_of_a_model_without_weights_changes_nothing():
    model = quantize_aware(keras.Sequential([keras.Input((4,)), layers.ReLU()]))
    assert correct_bias(calibrate(model, X), X) is model


def test_exports(quantized, tmp_path):
    with pytest.raises(ExportError, match="`batch` must be 1 or above"):
        kerazoo.export(quantized, tmp_path / "net.tflite", batch=True)
    pytest.importorskip("onnx")
    with pytest.raises(ExportError, match="ONNX has no form of the rounding"):
        kerazoo.export(quantized, tmp_path / "net.onnx")


def test_outputs_without_an_axis_are_one_number_for_each_row():
    outputs = np.array([0.2, 0.9, 0.7])
    assert accuracy(outputs, np.array([0, 1, 0])) == pytest.approx(2 / 3)
    assert accuracy(outputs, np.array([[0], [1], [0]])) == pytest.approx(2 / 3)
    inputs = keras.Input((4,))
    model = keras.Model(inputs, keras.ops.squeeze(layers.Dense(1)(inputs), -1))
    assert model.output_shape == (None,)
    for targets, metric in (([0, 1] * 8, "accuracy"), ([18, 40] * 8, "error")):
        assert sensitivity(model, (X, np.array(targets)), progress=False).metric == metric
    measured = np.linspace(0, 1, 16)
    assert sensitivity(model, (X, measured), progress=False).metric == "error"


def test_classes_of_outputs_of_open_size():
    """A choice among the steps of a sequence, of any length."""
    inputs = keras.Input((None, 4))
    model = keras.Model(inputs, keras.ops.squeeze(layers.Dense(1)(inputs), -1))
    steps = np.stack([X, X[::-1], -X], axis=1)
    best = model.predict(steps, verbose=0).argmax(-1)
    for targets in (best, np.eye(3)[best]):
        result = sensitivity(model, (steps, targets), progress=False)
        assert (result.metric, result.reference) == ("accuracy", 1)
