"""Pruned, clustered, then quantization-aware: the file's integers have all three properties."""

import contextlib

import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from keras import layers

import kerazoo
from kerazoo.compress import calibrate, cluster, prune, quantize_aware, strip

pytestmark = pytest.mark.slow  # six models through the converter

RNG = np.random.default_rng(0)
IMAGES = RNG.normal(size=(64, 8, 8, 3)).astype("float32")
LABELS = RNG.integers(0, 10, 64)
SIZES = {"conv": 3 * 3 * 3 * 12, "dense": 108 * 24, "head": 240}  # of the kernels, all different


def with_negative_factors(model):
    """Every second channel of every normalization with gamma below 0."""
    for layer in model._flatten_layers():
        if isinstance(layer, layers.BatchNormalization):
            channels = layer.gamma.shape[0]
            layer.gamma.assign(RNG.uniform(0.5, 2, channels) * (-1.0) ** np.arange(channels))
    return model


def trained(model, epochs=2):
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(1e-3), loss)
    model.fit(IMAGES, LABELS, epochs=epochs, verbose=0)
    return model


def plain_model():
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            layers.Conv2D(12, 3, use_bias=False, name="conv"),
            layers.BatchNormalization(name="norm"),
            layers.ReLU(name="relu"),
            layers.MaxPooling2D(name="pool"),
            layers.Flatten(name="flatten"),
            layers.Dense(24, activation="relu", name="dense"),
            layers.Dense(10, name="head"),
        ]
    )


def int8_constants(path):
    interpreter = Interpreter(str(path), experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
    interpreter.allocate_tensors()
    found = []
    for detail in interpreter.get_tensor_details():
        if detail["dtype"] is np.int8:
            with contextlib.suppress(ValueError):  # a tensor that is computed
                found.append(interpreter.get_tensor(detail["index"]))
    return found


def integers(path):
    """The kernels of `plain_model` in a file, found by their number of values."""
    by_size = {array.size: array for array in int8_constants(path)}
    return {name: by_size[size] for name, size in SIZES.items()}


@pytest.mark.parametrize("is_stripped_between", [False, True])
def test_zeros_and_few_values_are_in_the_integers(tmp_path, is_stripped_between):
    between = strip if is_stripped_between else (lambda model: model)
    model = with_negative_factors(trained(plain_model()))
    pruned = between(trained(prune(model, sparsity=0.5)))
    clustered = trained(cluster(pruned, clusters=16))
    quantized = trained(quantize_aware(clustered))
    report = kerazoo.export(quantized, tmp_path / "small.tflite")
    assert report.integer_only
    for name, kernel in integers(tmp_path / "small.tflite").items():
        assert np.mean(kernel == 0) >= 0.5, name
        assert len(np.unique(kernel)) <= 16, name


def normalized(layer):
    return keras.Sequential([layer, layers.BatchNormalization(), layers.ReLU()])


KINDS = {  # with the sizes of the kernels that are clustered, unlike those of all others
    "block": (lambda: kerazoo.layers.InvertedResidual(5, expand_ratio=4), {36, 60}),
    "separable": (lambda: normalized(layers.SeparableConv2D(11, 3)), {33}),
    "transposed": (lambda: normalized(layers.Conv2DTranspose(11, 3)), {297}),
    "volume": (lambda: lambda x: normalized(layers.Conv3D(7, 2))(x[..., None]), {56}),
}


@pytest.mark.parametrize("kind", KINDS)
def test_few_values_are_in_the_integers_of(kind, tmp_path):
    make, sizes = KINDS[kind]
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 3))
    x = layers.Flatten()(make()(inputs))
    model = with_negative_factors(keras.Model(inputs, layers.Dense(10, name="head")(x)))
    quantized = calibrate(quantize_aware(cluster(model, clusters=5)), IMAGES)
    report = kerazoo.export(quantized, tmp_path / "few.tflite")
    assert report.integer_only
    found = int8_constants(tmp_path / "few.tflite")
    assert sizes <= {kernel.size for kernel in found}
    for kernel in found:
        if kernel.size in sizes:
            assert 1 < len(np.unique(kernel)) <= 5
