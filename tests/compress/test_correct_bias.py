"""Bias correction: the mean error of every channel goes to 0, and so does that of the model."""

import keras
import numpy as np
import pytest
from keras import layers

from kerazoo.compress import calibrate, correct_bias, quantize_aware
from kerazoo.compress._graph import Graph
from kerazoo.compress._graph_run import GraphRun
from kerazoo.errors import ConfigError

pytestmark = pytest.mark.usefixtures("tensorflow_backend")


def outputs_of(model, data):
    """Without `predict`, which traces the model for each of these few rows."""
    return np.asarray(model(data, training=False))


def net():
    inputs = keras.Input((6, 6, 3))
    x = layers.Conv2D(4, 3, use_bias=False, name="conv")(inputs)
    x = layers.ReLU()(layers.BatchNormalization(name="norm")(x))
    x = layers.DepthwiseConv2D(3, padding="same", activation="relu", name="depthwise")(x)
    x = layers.Conv2D(4, 1, use_bias=False, name="bare")(x)
    x = layers.Dense(6, name="hidden")(layers.Flatten()(x))
    x = layers.BatchNormalization(center=False, name="scaled")(x)
    return keras.Model(inputs, layers.Dense(2, name="logits")(x))


@pytest.fixture(scope="module")
def models():
    """The float model, and the quantized one of 4 bits with its data, not yet corrected."""
    keras.utils.set_random_seed(0)
    model = net()
    rng = np.random.default_rng(0)
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.moving_variance.assign(rng.uniform(0.5, 2, layer.moving_variance.shape))
            layer.moving_mean.assign(rng.normal(size=layer.moving_mean.shape))
    data = rng.uniform(0.5, 1.5, (300, 6, 6, 3)).astype("float32")  # a mean that errors show in
    quantized = quantize_aware(model, scheme="int4_weights")
    calibrate(quantized, data)
    return model, quantized, data


def test_the_mean_error_of_the_output_goes_to_zero(models, notices):
    model, quantized, data = models
    expected = outputs_of(model, data)
    before = np.abs((outputs_of(quantized, data) - expected).mean(axis=0))
    weights = model.get_weights()
    assert correct_bias(quantized, data) is quantized
    after = np.abs((outputs_of(quantized, data) - expected).mean(axis=0))
    assert after.max() < 0.3 * before.max()
    assert any("no bias to correct in bare" in line for line in notices())
    for now, then in zip(model.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(now, then)


@pytest.mark.parametrize("kind", ["dense", "conv", "depthwise"])
def test_a_layer_has_no_mean_error_left(kind):
    """Against NumPy: E[q(W) x + b'] = E[W x + b], channel by channel."""
    keras.utils.set_random_seed(1)
    layer, shape = {
        "dense": (layers.Dense(3, activation="relu", name="one"), (5,)),
        "conv": (layers.Conv2D(3, 2, name="one"), (4, 4, 2)),
        "depthwise": (layers.DepthwiseConv2D(2, depth_multiplier=2, name="one"), (4, 4, 2)),
    }[kind]
    model = keras.Sequential([keras.Input(shape), layer])
    data = np.random.default_rng(0).uniform(0.5, 1.5, (200, *shape)).astype("float32")
    quantized = quantize_aware(model, scheme={"*": "int4_weights"})
    calibrate(quantized, data)
    inner = next(x for x in quantized._flatten_layers() if getattr(x, "kernel", None) is not None)
    wrapper = next(x for x in quantized.layers if hasattr(x, "quantized_weights"))
    rounded = np.asarray(wrapper.quantized_weights()["kernel"])
    correct_bias(quantized, data)
    # What the layer sees: the data on the steps of their range.
    seen = outputs_of(keras.Model(quantized.inputs, wrapper.input), data)
    outputs = [
        linear(kind, seen, kernel) + bias
        for kernel, bias in (
            (rounded, inner.bias.numpy()),
            (layer.kernel.numpy(), layer.bias.numpy()),
        )
    ]
    errors = (outputs[0] - outputs[1]).reshape(-1, outputs[0].shape[-1]).mean(axis=0)
    np.testing.assert_allclose(errors, 0, atol=1e-5)
    assert np.abs(inner.bias.numpy() - layer.bias.numpy()).max() > 1e-3


def linear(kind, x, kernel):
    """The layer without bias, in NumPy."""
    if kind == "dense":
        return x @ kernel
    size = kernel.shape[0]
    patches = np.stack(
        [np.stack([x[:, i : i + 3, j : j + 3] for j in range(size)], axis=3) for i in range(size)],
        axis=3,
    )
    if kind == "conv":
        return np.einsum("nhwijc,ijcf->nhwf", patches, kernel)
    return np.einsum("nhwijc,ijcm->nhwcm", patches, kernel).reshape(*patches.shape[:3], -1)


def test_a_float_model_is_refused():
    model = keras.Sequential([keras.Input((2,)), layers.Dense(1)])
    with pytest.raises(ConfigError, match="is not quantized"):
        correct_bias(model, np.zeros((2, 2)))


def test_values_with_more_rows_than_samples():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((10, 4))
    x = layers.Dense(3, name="rows")(keras.ops.reshape(inputs, (-1, 4)))
    x = layers.Flatten()(keras.ops.reshape(x, (-1, 10, 3)))
    model = keras.Model(inputs, layers.Dense(2, name="y")(x))
    data = np.random.default_rng(0).uniform(0.5, 1.5, (300, 10, 4)).astype("float32")
    quantized = calibrate(quantize_aware(model, scheme="int4_weights"), data)
    expected = outputs_of(model, data)
    before = np.abs((outputs_of(quantized, data) - expected).mean(axis=0))
    correct_bias(quantized, data)
    after = np.abs((outputs_of(quantized, data) - expected).mean(axis=0))
    assert after.max() < 0.3 * before.max()

    graph = Graph.from_model(model)
    run = GraphRun(graph, [data])
    outputs = {node.name: run.run(node)[0] for node in graph.nodes if not node.is_input}
    assert outputs["rows"].shape == (3000, 3)
    np.testing.assert_allclose(outputs["y"], expected, rtol=1e-4, atol=1e-5)
