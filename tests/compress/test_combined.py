"""Pruned, clustered, then quantization-aware: the file's integers have all three properties."""

import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from keras import layers

import kerazoo
from kerazoo.compress import cluster, prune, quantize_aware, strip

pytestmark = pytest.mark.slow  # two models through the converter

RNG = np.random.default_rng(0)
IMAGES = RNG.normal(size=(64, 8, 8, 3)).astype("float32")
LABELS = RNG.integers(0, 10, 64)
SIZES = {"conv": 3 * 3 * 3 * 12, "dense": 108 * 24, "head": 240}  # of the kernels, all different


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


def integers(path):
    """The int8 constants of a file, by their number of values."""
    interpreter = Interpreter(str(path), experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
    interpreter.allocate_tensors()
    found = {}
    for detail in interpreter.get_tensor_details():
        size = int(np.prod(detail["shape"]))
        if detail["dtype"] is np.int8 and size in SIZES.values():
            found[size] = interpreter.get_tensor(detail["index"])
    return {name: found[size] for name, size in SIZES.items()}


@pytest.mark.parametrize("is_stripped_between", [False, True])
def test_zeros_and_few_values_are_in_the_integers(tmp_path, is_stripped_between):
    between = strip if is_stripped_between else (lambda model: model)
    pruned = between(trained(prune(trained(plain_model()), sparsity=0.5)))
    clustered = trained(cluster(pruned, clusters=16))
    quantized = trained(quantize_aware(clustered))
    report = kerazoo.export(quantized, tmp_path / "small.tflite")
    assert report.integer_only
    for name, kernel in integers(tmp_path / "small.tflite").items():
        assert np.mean(kernel == 0) >= 0.5, name
        assert len(np.unique(kernel)) <= 16, name
