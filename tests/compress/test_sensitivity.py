"""Sensitivity: the layer that suffers most comes first, in accuracy, loss or output error."""

import io

import keras
import numpy as np
import pytest
from keras import layers
from rich.console import Console

from kerazoo.compress import quantize_aware, sensitivity
from kerazoo.errors import ConfigError, DataError, MissingDependencyError, UnknownNameError

pytestmark = pytest.mark.usefixtures("tensorflow_backend")


@pytest.fixture(scope="module")
def net():
    """A classifier by construction, whose layer "spoilt" one large weight makes coarse."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8,), name="features")
    x = layers.Dense(16, name="fine")(inputs)
    x = layers.BatchNormalization(name="norm")(x)
    x = layers.Dense(16, activation="relu", name="spoilt")(layers.ReLU(name="relu")(x))
    model = keras.Model(inputs, layers.Dense(3, name="logits")(x), name="net")
    kernel = model.get_layer("spoilt").kernel
    values = kernel.numpy()
    values[:, 0] = 0
    values[0, 0] = 60 * np.abs(values).max()
    kernel.assign(values)
    logits = model.get_layer("logits").kernel
    values = logits.numpy()
    values[0] = 0  # what the large weight gives, nobody reads
    logits.assign(values)
    return model


@pytest.fixture(scope="module")
def data(net):
    x = np.random.default_rng(0).normal(size=(300, 8)).astype("float32")
    return x, np.asarray(net(x)).argmax(-1)  # so the float model is always right


@pytest.fixture(scope="module")
def by_accuracy(net, data):
    return sensitivity(net, data, progress=False)


def test_the_coarse_layer_comes_first(by_accuracy):
    result = by_accuracy
    assert result.metric == "accuracy"
    assert result.reference == 1
    assert next(iter(result)).layer == "spoilt"
    assert {entry.layer for entry in result} == {"fine", "spoilt", "logits"}
    assert result["fine"].also == ("norm",)
    assert result["spoilt"].cost > 0.02
    assert result["fine"].cost < result["spoilt"].cost / 3
    costs = [(entry.cost, entry.error) for entry in result]
    assert costs == sorted(costs, reverse=True)


def test_the_error_without_labels_is_that_of_the_layer_alone(net, data):
    """Against NumPy: weights and the ranges around them rounded, all else as it was."""
    x, _ = data
    result = sensitivity(net, x, progress=False)
    assert result.metric == "error"
    hidden = np.asarray(keras.Model(net.inputs, net.get_layer("relu").output)(x))
    layer, head = net.get_layer("spoilt"), net.get_layer("logits")
    weight = layer.kernel.numpy()
    step = np.abs(weight).max() / 127

    def rounded(values):
        scale = (max(values.max(), 0) - min(values.min(), 0)) / 255
        zero = np.round(-min(values.min(), 0) / scale)
        return (np.clip(np.round(values / scale) + zero, 0, 255) - zero) * scale

    coarse = rounded(hidden) @ (np.round(weight / step) * step) + layer.bias.numpy()
    before = rounded(coarse)  # the ReLU behind stays in float, or is fused: equal up to a step
    logits = np.maximum(before, 0) @ head.kernel.numpy() + head.bias.numpy()
    exact = np.asarray(net(x))
    expected = np.sqrt(np.mean((logits - exact) ** 2)) / exact.std()
    assert result["spoilt"].error == pytest.approx(expected, rel=0.15)
    assert result["spoilt"].cost == result["spoilt"].error


def test_losses_and_functions(net, data, by_accuracy):
    x, y = data
    batches = [(x[:100], y[:100]), (x[100:], y[100:])]
    model = keras.models.clone_model(net)
    model.set_weights(net.get_weights())
    model.compile(loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    by_loss = sensitivity(model, batches, metric="loss", progress=False)
    assert by_loss.metric == "loss"
    assert by_loss.reference == pytest.approx(model.evaluate(x, y, verbose=0), rel=1e-4)

    def wrong(y_true, y_pred):
        return (y_pred.argmax(-1) != y_true).astype("float32")

    by_function = sensitivity(net, data, metric=wrong, progress=False)
    assert by_function.metric == "wrong"
    for entry in by_accuracy:
        assert by_function[entry.layer].cost == pytest.approx(entry.cost, abs=1e-6)


def test_table_and_plot(net, data, tmp_path, monkeypatch):
    result = sensitivity(net, data, scheme="int4_weights", progress=False)
    text = io.StringIO()
    Console(file=text, width=100).print(result)
    assert "fine + norm" in text.getvalue()
    assert "accuracy lost" in str(result)
    pytest.importorskip("matplotlib")
    result.plot(tmp_path / "plot.svg")
    assert (tmp_path / "plot.svg").read_text().count("<svg") == 1
    monkeypatch.setitem(__import__("sys").modules, "matplotlib.figure", None)
    with pytest.raises(MissingDependencyError, match=r"kerazoo\[plot\]"):
        result.plot(tmp_path / "none.png")


def test_layers_of_the_same_name_in_two_towers_are_told_apart():
    keras.utils.set_random_seed(0)
    first, second = (
        keras.Sequential(
            [keras.Input((3,)), layers.Dense(2, use_bias=False, name="dense")], name=name
        )
        for name in ("a", "b")
    )
    second.layers[0].kernel.assign(np.zeros((3, 2)))  # costs nothing
    inputs = keras.Input((3,))
    model = keras.Model(inputs, keras.ops.stack([first(inputs), second(inputs)], axis=1))
    x = np.eye(3, dtype="float32")
    result = sensitivity(model, x, scheme="int8_weights", progress=False)
    assert [entry.layer for entry in result] == ["dense", "b_dense"]
    assert result["dense"].error > 0
    assert result["b_dense"].error == 0


@pytest.mark.parametrize(
    ("scheme", "names"), [("int8_weights", {"conv", "y"}), ("int16x8", {"scale", "conv", "y"})]
)
def test_layers_that_the_scheme_leaves_in_float_are_left_out(scheme, names):
    inputs = keras.Input((4, 4, 2))
    x = layers.Conv2D(2, 1, activation="relu", name="conv")(
        layers.Rescaling(0.5, name="scale")(inputs)
    )
    x = layers.LayerNormalization(name="norm")(layers.Flatten()(x))
    outputs = layers.Dense(2, activation="softmax", name="y")(x)
    x = np.random.default_rng(0).normal(size=(4, 4, 4, 2)).astype("float32")
    result = sensitivity(keras.Model(inputs, outputs), x, scheme=scheme, progress=False)
    assert {entry.layer for entry in result} == names


@pytest.mark.parametrize(
    ("data", "arguments", "error", "text"),
    [
        (np.zeros((4, 8)), {"metric": "accuracy"}, ConfigError, "needs targets"),
        (np.zeros((4, 8)), {"metric": "acuracy"}, UnknownNameError, "Did you mean 'accuracy'"),
        (np.zeros((4, 8)), {"scheme": "int7"}, UnknownNameError, "int7"),
        ((np.zeros((4, 8)), np.zeros(4, int)), {"metric": "loss"}, ConfigError, "compiled"),
        ((np.zeros((4, 8)), np.zeros(3, int)), {}, DataError, "4 inputs and 3 targets"),
        ((np.zeros((4, 8)), np.zeros((4, 2), int)), {}, DataError, "Accuracy needs a class"),
        (np.zeros((4, 7)), {}, DataError, "must have the shape"),
    ],
)
def test_what_is_refused(net, data, arguments, error, text):
    with pytest.raises(error, match=text):
        sensitivity(net, data, progress=False, **arguments)


def test_a_quantized_model_is_refused(net):
    with pytest.raises(ConfigError, match="quantized already"):
        sensitivity(quantize_aware(net), np.zeros((4, 8), "float32"), progress=False)


@pytest.mark.parametrize("wrap", [lambda loss: {"logits": loss}, lambda loss: [loss]])
def test_a_loss_in_a_dict_or_list(net, data, wrap):
    model = keras.models.clone_model(net)
    model.set_weights(net.get_weights())
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(loss=wrap(loss))
    result = sensitivity(model, data, metric="loss", progress=False)
    assert result.reference == pytest.approx(model.evaluate(*data, verbose=0), rel=1e-4)


def test_losses_that_are_none_or_several(net, data):
    model = keras.models.clone_model(net)
    for loss, text in (([], "compiled"), ({"logits": None}, "compiled"), (["mse"] * 2, "one loss")):
        model.loss = loss
        with pytest.raises(ConfigError, match=text):
            sensitivity(model, data, metric="loss", progress=False)
