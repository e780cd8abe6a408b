"""What becomes of single layers: second normalizations, indices, functions of one's own."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops

import kerazoo
from kerazoo.compress import (
    ConstrainedLayer,
    FakeQuantize,
    QuantizationScheme,
    WeightConstraint,
    calibrate,
    quantize_aware,
    strip,
)
from kerazoo.compress._basic_rules import activation_lowering
from kerazoo.compress._lowering import Kind
from kerazoo.compress._sixteen_bits import has_16_bits
from kerazoo.errors import ConfigError

pytestmark = pytest.mark.usefixtures("tensorflow_backend")


def correlation(model, other, data):
    outputs = [np.ravel(each(data)) for each in (model, other)]  # `predict` would trace them
    return np.corrcoef(*outputs)[0, 1]


def two_normalizations(first):
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((4, 4, 2)),
            first,
            layers.BatchNormalization(name="norm"),
            layers.BatchNormalization(name="second"),
            layers.ReLU(),
        ]
    )
    second = model.get_layer("second")
    second.gamma.assign([10.0, -5.0, 2.0])
    second.beta.assign([5.0, 1.0, -1.0])
    return model


@pytest.mark.parametrize("kind", ["conv", "dense"])
def test_a_second_normalization_stays_a_layer(kind):
    first = layers.Conv2D(3, 1, name="first") if kind == "conv" else layers.Dense(3, name="first")
    model = two_normalizations(first)
    data = np.random.default_rng(0).normal(size=(64, 4, 4, 2)).astype("float32")
    quantized = calibrate(quantize_aware(model), data)
    assert quantized.get_layer("first").normalization.name == "norm"
    expected = np.asarray(model(data))
    error = np.abs(quantized(data) - expected).max()
    assert error < 0.03 * expected.max()
    plain = strip(quantized)
    assert [layer.name for layer in plain.layers[1:]] == [layer.name for layer in model.layers]
    np.testing.assert_allclose(plain(data), expected, atol=0.03 * expected.max())


def indices_model(dtype=None):
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            keras.Input((10,), dtype=dtype, name="ids"),
            layers.Reshape((10, 1)),
            layers.Reshape((10,)),
            layers.Embedding(5000, 8, name="table"),
            layers.GlobalAveragePooling1D(),
            layers.Dense(2, name="y"),
        ]
    )


def test_indices_that_come_as_floats_are_not_rounded():
    model = indices_model()
    assert model.inputs[0].dtype == "float32"
    ids = np.random.default_rng(0).integers(0, 5000, (128, 10)).astype("float32")
    quantized = calibrate(quantize_aware(model), ids)
    ranges = [layer.name for layer in quantized.layers if isinstance(layer, FakeQuantize)]
    assert ranges[0] == "table_range"
    assert correlation(model, quantized, ids) > 0.999


def test_what_else_reads_the_indices_as_numbers_has_its_range():
    inputs = keras.Input((6,), name="ids")
    words = layers.Flatten()(layers.Embedding(50, 2)(inputs))
    both = layers.Concatenate()([words, layers.Dense(2, name="numbers")(inputs)])
    model = quantize_aware(keras.Model(inputs, layers.Dense(2)(both)))
    assert isinstance(model.get_layer("ids_range"), FakeQuantize)


@pytest.mark.slow
def test_indices_in_a_file(tmp_path):
    model = indices_model()
    ids = np.random.default_rng(0).integers(0, 5000, (128, 10)).astype("float32")
    quantized = calibrate(quantize_aware(model), ids)
    kerazoo.export(quantized, tmp_path / "ids.tflite")
    outputs = kerazoo.load_tflite(tmp_path / "ids.tflite")(ids)
    expected = np.asarray(model(ids))
    assert np.corrcoef(outputs.ravel(), expected.ravel())[0, 1] > 0.999


@keras.saving.register_keras_serializable(package="test_choices")
def hard_sigmoid(x):
    """Of the same name as the one of Keras, and another function."""
    return ops.relu6(x + 1.0) / 2.0


@keras.saving.register_keras_serializable(package="test_choices")
def relu(x):
    return ops.maximum(x, -1.0)


@pytest.mark.parametrize("function", [hard_sigmoid, relu])
@pytest.mark.parametrize("is_own_layer", [True, False])
def test_a_function_of_ones_own_stays_what_it_is(function, is_own_layer, notices):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((4,), name="x")
    hidden = layers.Dense(8, None if is_own_layer else function, name="hidden")(inputs)
    if is_own_layer:
        hidden = layers.Activation(function, name="own")(hidden)
    model = keras.Model(inputs, layers.Dense(3, name="y")(hidden), name=f"net_{is_own_layer}")
    data = np.random.default_rng(0).normal(size=(256, 4)).astype("float32")
    quantized = calibrate(quantize_aware(model), data)
    assert correlation(model, quantized, data) > 0.999
    assert any(f"not the {function.__name__} of Keras" in line for line in notices())
    assert not has_16_bits(layers.Activation(function))


def test_keras_functions_are_known_by_any_of_their_homes():
    for function in (keras.activations.relu, ops.relu, tf.nn.relu):
        assert activation_lowering(function).is_relu
        assert has_16_bits(layers.Activation(function))
    for name in ("sigmoid", "tanh", "gelu", "softplus"):
        for home in (keras.activations, ops, tf.nn):
            assert activation_lowering(getattr(home, name)).kind is Kind.QUANTIZED
    assert activation_lowering(None).kind is Kind.PASS_THROUGH
    reason = activation_lowering(keras.activations.glu).reason
    assert reason == "TFLite has no integer kernel for glu"


def test_weights_of_4_bits_and_activations_of_16_are_not_mixed():
    model = keras.Sequential(
        [keras.Input((4,)), layers.Dense(3, name="a"), layers.Dense(2, name="b")]
    )
    four = QuantizationScheme(weight_bits=4, activation_bits=None)
    with pytest.raises(ConfigError, match="weights of 4 bits and activations of 16"):
        quantize_aware(model, scheme={"a": four, "b": "int16x8"})
    with pytest.raises(ConfigError, match="8 and 16 bits"):
        quantize_aware(model, scheme={"a": "int4_weights", "b": "int16x8"})
    quantize_aware(model, scheme={"a": four, "b": "int8"})


@keras.saving.register_keras_serializable(package="test_choices")
class OfAllValues(WeightConstraint):
    is_per_tensor = True


@pytest.mark.parametrize("constraint", [OfAllValues(), WeightConstraint()])
def test_a_constraint_says_whether_a_kernel_has_one_range(constraint):
    conv = ConstrainedLayer(layers.Conv2D(4, 1), {"kernel": constraint}, name="conv")
    model = keras.Sequential([keras.Input((2, 2, 3)), conv])
    conv.layer.kernel.assign(
        np.random.default_rng(0).normal(size=(1, 1, 3, 4)) * 10.0 ** np.arange(4)
    )
    quantized = quantize_aware(model)
    layer = next(each for each in quantized.layers if hasattr(each, "quantized_weights"))
    kernel = np.asarray(layer.quantized_weights()["kernel"])
    is_zero = np.abs(kernel[..., 0]).max() == 0  # less than half a step of the largest channel
    assert is_zero == constraint.is_per_tensor
