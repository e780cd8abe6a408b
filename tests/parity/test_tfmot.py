"""Quantization, pruning and clustering against tfmot, on the same weights.

tfmot takes Keras 2 for the whole process, so it runs in others (tfmot_oracle.py), of the Python
that `KERAZOO_TFMOT_PYTHON` names or of this one, if tfmot is installed there.
"""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers

import kerazoo
from kerazoo import compress
from kerazoo.errors import ConfigError

PYTHON = os.environ.get("KERAZOO_TFMOT_PYTHON")
if PYTHON is None:
    if find_spec("tensorflow_model_optimization") is None:
        pytest.skip(
            "tfmot is not installed: name a Python that has it in KERAZOO_TFMOT_PYTHON",
            allow_module_level=True,
        )
    PYTHON = sys.executable

STEPS = [0, 1, 9, 10, 15, 20, 33, 60, 99, 100, 101, 250]
SCHEDULES = {
    "constant": ("ConstantSparsity", {"target_sparsity": 0.7, "begin_step": 10, "frequency": 5}),
    "constant with an end": (
        "ConstantSparsity",
        {"target_sparsity": 0.25, "begin_step": 0, "end_step": 60, "frequency": 20},
    ),
    "polynomial": (
        "PolynomialDecay",
        {
            "initial_sparsity": 0.2,
            "final_sparsity": 0.8,
            "begin_step": 10,
            "end_step": 100,
            "frequency": 10,
        },
    ),
    "linear": (
        "PolynomialDecay",
        {
            "initial_sparsity": 0.0,
            "final_sparsity": 0.5,
            "begin_step": 0,
            "end_step": 99,
            "power": 1,
            "frequency": 3,
        },
    ),
}
MASKS = {
    **{f"{name} {s}": (name, {"sparsity": s}) for name in ("conv", "dense") for s in (0.5, 0.83)},
    "2:4 dense": ("dense", {"m_by_n": [2, 4]}),
    "2:4 conv": ("wide", {"m_by_n": [2, 4]}),
    "blocks, mean": ("dense", {"block": [4, 2], "pooling": "AVG"}),
    "blocks, largest": ("dense", {"block": [4, 2], "pooling": "MAX"}),
}
CENTROIDS = {
    f"{kind} {sparse}": (name, {"kind": kind, "clusters": 8, "preserve_sparsity": sparse})
    for kind in ("LINEAR", "DENSITY_BASED", "KMEANS_PLUS_PLUS")
    for sparse, name in ((False, "conv"), (True, "pruned"))
}


def weights():
    """Kernels by name, without ties, each channel of another size."""
    rng = np.random.default_rng(0)
    shapes = {
        "conv": (3, 3, 3, 5),
        "strided": (3, 3, 3, 4),
        "transpose": (2, 2, 3, 3),
        "dense": (12, 8),
        "wide": (3, 3, 8, 4),
    }
    arrays = {
        name: (rng.normal(size=shape) * rng.uniform(0.1, 3, shape[-1])).astype("float32")
        for name, shape in shapes.items()
    }
    pruned = arrays["conv"].copy()
    pruned[np.abs(pruned) < np.median(np.abs(pruned))] = 0
    return {**arrays, "pruned": pruned}


@pytest.fixture(scope="module")
def tfmot(tmp_path_factory):
    """Everything that tfmot says, by "kind/case"."""
    folder = tmp_path_factory.mktemp("tfmot")
    np.savez(folder / "weights.npz", **weights())
    cases = {"steps": STEPS, "schedules": SCHEDULES, "masks": MASKS, "centroids": CENTROIDS}
    (folder / "cases.json").write_text(json.dumps(cases))
    program = Path(__file__).with_name("tfmot_oracle.py")
    files = [folder / name for name in ("weights.npz", "cases.json", "out.npz")]
    done = subprocess.run([PYTHON, program, *files], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    with np.load(files[-1]) as arrays:
        return dict(arrays)


LAYERS = {
    "conv": lambda: layers.Conv2D(5, 3),
    "strided": lambda: layers.Conv2D(4, 3, strides=2, use_bias=False),
    "transpose": lambda: layers.Conv2DTranspose(3, 2),
    "dense": lambda: layers.Dense(8, activation="relu"),
}


@pytest.mark.parametrize("name", LAYERS)
def test_fake_quantized_weights_are_equal(tfmot, name):
    kernel = weights()[name]
    shape = (kernel.shape[0],) if kernel.ndim == 2 else (8, 8, 3)
    model = keras.Sequential([keras.Input(shape), LAYERS[name]()])
    model.layers[0].kernel.assign(kernel)
    (quantized,) = (
        layer
        for layer in compress.quantize_aware(model).layers
        if hasattr(layer, "quantized_weights")
    )
    ours = keras.ops.convert_to_numpy(quantized.quantized_weights()["kernel"])
    assert np.abs(ours - kernel).max() > 1e-3  # rounding did happen
    np.testing.assert_allclose(ours, tfmot[f"fake_quantized/{name}"], rtol=0, atol=1e-6)


@pytest.mark.parametrize("case", SCHEDULES)
def test_schedules_have_the_same_values(tfmot, case):
    kind, arguments = SCHEDULES[case]
    schedule = getattr(compress, kind)(**arguments)
    for step, (is_due, sparsity) in zip(STEPS, tfmot[f"schedule/{case}"], strict=True):
        assert bool(schedule.is_due(step)) == bool(is_due)
        assert float(schedule.sparsity(step)) == pytest.approx(sparsity, abs=1e-6)


def pruned_kernel(kernel, **arguments):
    """The kernel after one update that changes nothing but what pruning does."""
    shape = (kernel.shape[0],) if kernel.ndim == 2 else (8, 8, kernel.shape[2])
    filters = kernel.shape[-1]
    layer = layers.Dense(filters) if kernel.ndim == 2 else layers.Conv2D(filters, 3)
    model = keras.Sequential([keras.Input(shape), layer])
    layer.kernel.assign(kernel)
    model = compress.prune(model, **arguments)
    model.compile(keras.optimizers.SGD(0.0), "mse")
    model.train_on_batch(np.zeros((1, *shape), "float32"), np.zeros((1, *model.output_shape[1:])))
    return compress.strip(model).layers[-1].kernel.numpy()


@pytest.mark.parametrize("case", MASKS)
def test_masks_are_equal(tfmot, case):
    name, given = MASKS[case]
    arguments = {"schedule": compress.ConstantSparsity(given.get("sparsity", 0.5), 0)}
    if "m_by_n" in given:
        arguments = {"pattern": "2:4"}
    if "block" in given:
        pooling = {"AVG": "avg", "MAX": "max"}[given["pooling"]]
        arguments |= {"pattern": "block", "block_size": given["block"], "block_pooling": pooling}
    kernel = weights()[name]
    np.testing.assert_array_equal(
        pruned_kernel(kernel, **arguments), kernel * tfmot[f"mask/{case}"]
    )


OUR_INITS = {"LINEAR": "linear", "DENSITY_BASED": "density", "KMEANS_PLUS_PLUS": "kmeans++"}


@pytest.mark.parametrize("case", CENTROIDS)
def test_centroids_stand_for_the_weights_at_least_as_well(tfmot, case):
    """tfmot's are the start alone; ours are moved to the means of what they stand for."""
    name, given = CENTROIDS[case]
    kernel = weights()[name]
    model = keras.Sequential([keras.Input((8, 8, 3)), layers.Conv2D(kernel.shape[-1], 3)])
    model.layers[0].kernel.assign(kernel)
    clustered = compress.strip(
        compress.cluster(model, clusters=given["clusters"], init=OUR_INITS[given["kind"]])
    )
    ours, theirs = clustered.layers[-1].kernel.numpy(), tfmot[f"centroids/{case}"]
    nearest = np.abs(kernel.reshape(-1, 1) - theirs).min(axis=1)
    assert len(np.unique(ours)) <= given["clusters"]
    assert ((ours - kernel) ** 2).sum() <= (nearest**2).sum() * (1 + 1e-6)
    assert ours.min() >= kernel.min()
    assert ours.max() <= kernel.max()
    if given["preserve_sparsity"]:
        assert 0 in theirs
        assert np.all(ours[kernel == 0] == 0)


def small_network():
    """A shared layer, a residual sum, a normalization and a regularizer: all of tfmot's own."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(4, 3, use_bias=False)(inputs)
    x = layers.ReLU(6.0)(layers.BatchNormalization()(x))
    shared = layers.Conv2D(4, 3, padding="same", kernel_regularizer="l2")
    x = layers.Add()([x, shared(shared(x))])
    return keras.Model(inputs, layers.Dense(3)(layers.GlobalAveragePooling2D()(x)))


@pytest.fixture(scope="module")
def images():
    rng = np.random.default_rng(0)
    return rng.normal(size=(256, 8, 8, 3)).astype("float32"), rng.integers(0, 3, 256)


def test_the_engine_gives_the_file_of_the_very_model(images, tmp_path):
    """At a learning rate of next to nothing the file computes what the Keras 3 model does."""
    x, y = images
    model = small_network()
    model.layers[2].momentum = 0.999999  # the statistics stay as well
    schedule = keras.optimizers.schedules.CosineDecay(1e-9, 10)
    result = compress.quantize_with_tfmot(
        model,
        x,
        y,
        optimizer=keras.optimizers.SGD(schedule, momentum=0.9),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        epochs=2,
        batch_size=8,
        python=PYTHON,
    )
    (tmp_path / "model.tflite").write_bytes(result.tflite)
    outputs = kerazoo.load_tflite(tmp_path / "model.tflite")(x)
    expected = model.predict(x, verbose=0)
    assert np.corrcoef(outputs.ravel(), expected.ravel())[0, 1] > 0.995
    assert np.std(outputs - expected) < 0.1 * np.std(expected)
    assert set(result.history) == {"loss", "accuracy"}
    assert len(result.history["loss"]) == 2


def test_the_engine_skips_layers_that_tfmot_does_not_know(images):
    inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(4, 3)(layers.Rescaling(0.5, name="scale")(inputs))
    model = keras.Model(inputs, layers.Dense(3)(layers.Flatten()(x)))
    wanted = {"loss": keras.losses.SparseCategoricalCrossentropy(True), "python": PYTHON}
    with pytest.raises(ConfigError, match="tfmot refuses the model.*scale"):
        compress.quantize_with_tfmot(model, *images, **wanted)
    result = compress.quantize_with_tfmot(model, *images, skip=["scale"], **wanted)
    assert result.tflite[4:8] == b"TFL3"


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        (kerazoo.layers.SqueezeExcite(0.5, name="squeeze"), "'squeeze'.*does not exist in Keras 2"),
        (keras.Sequential([keras.Input((8, 8, 3)), layers.Conv2D(3, 1)]), "tfmot refuses.*another"),
    ],
)
def test_the_engine_names_what_keras_2_or_tfmot_cannot_take(images, layer, words):
    inputs = keras.Input((8, 8, 3))
    model = keras.Model(inputs, layers.Dense(3)(layers.Flatten()(layer(inputs))))
    with pytest.raises(ConfigError, match=words):
        compress.quantize_with_tfmot(model, *images, python=PYTHON)
