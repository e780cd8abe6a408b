"""Every model of the zoo: raw inputs in, compiled as its recipe, and a Keras model in every way."""

import functools
import json
import subprocess
import sys

import keras
import numpy as np
import pytest

import kerazoo
from kerazoo import models
from kerazoo.zoo.catalogue import find_config

SIZES_OF_ONE_BUILDER = {  # Lite0 stands for them
    "cifar10_efficientnet_lite0",
    "efficientnet_lite1",
    "efficientnet_lite2",
}
SEVERAL_INPUTS = {  # tests of their own: test_two_tower.py, test_translator.py
    "ml100k_two_tower",
    "multi30k_translator",
}
TARGETS_ARE_BOXES = {"bccd_detector"}  # likewise: test_anchor_free_detector.py
NAMES = [  # agents learn in environments: tests/rl
    name
    for name in kerazoo.list_models()
    if name not in SIZES_OF_ONE_BUILDER | SEVERAL_INPUTS | TARGETS_ARE_BOXES
    and kerazoo.info(name).dataset
]
IMAGE_CLASSIFIERS = [
    name for name in kerazoo.list_models(task="image-classification") if name in NAMES
]


SMALL = {  # of what is slow to build or to train, less
    "camvid_segmenter": {"input_shape": (32, 48, 3), "filters": 8, "fine_filters": 8},
    "cifar10_resnet20": {"blocks": 1, "filters": (8, 8)},
    "efficientnet_lite0": {
        "input_shape": (32, 32, 3),
        "width_coefficient": 0.5,
        "depth_coefficient": 0.2,
    },
    "fsdd_ctc": {"input_shape": (12000,), "filters": 8, "blocks": 1, "masks": 0, "dropout": 0.0},
    "fsdd_keyword": {"filters": 8, "blocks": 1, "masks": 0, "dropout": 0.0},
    "mnist1d_gru": {"units": [8], "unroll": False},
    "mnist1d_rnn": {"units": [8, 8], "unroll": False},
    "mnist_cnn": {"filters": (4, 8), "dense_units": 32, "dropout": 0.0},
    "mr_text_cnn": {"embedding_units": 8, "filters": 8, "word_dropout": 0.0, "dropout": 0.0},
    "mr_text_lstm": {"embedding_units": 8, "units": 8, "unroll": False},
    "timeseries_forecaster": {"filters": 8, "dilation_rates": (1, 2)},
}


SLOW_TO_TRACE = {
    "camvid_segmenter",
    "cifar10_mobile",
    "efficientnet_lite0",
    "mnist1d_gru",
    "mnist1d_rnn",
    "mr_text_lstm",
}


def fresh(name, **overrides):
    """A model without weights, small where the zoo's is large."""
    return kerazoo.get(name, weights=None, **{**SMALL.get(name, {}), **overrides})


built = functools.cache(fresh)  # for tests that leave the model as it is


def samples(name, count=16, seed=0):
    """Random inputs and targets of the shape, type and range that a model takes."""
    rng = np.random.default_rng(seed)
    card = kerazoo.info(name)
    data = kerazoo.datasets.info(card.dataset)
    shape = SMALL.get(name, {}).get("input_shape", data.input_shape)
    if card.task.startswith("image"):
        inputs = rng.integers(0, 256, (count, *shape), dtype=np.uint8)
    elif card.task.startswith("text"):
        inputs = rng.integers(0, card.arguments["vocabulary_size"], (count, *shape), np.int32)
    else:
        inputs = rng.normal(0, 0.3, (count, *shape)).astype("float32")
    if card.task == "image-segmentation":
        return inputs, rng.integers(0, data.num_classes, (count, *shape[:2]))
    if card.task == "speech-recognition":
        return inputs, rng.integers(1, data.num_classes, (count, 3))
    if data.num_classes is not None:
        return inputs, rng.integers(0, data.num_classes, count)
    width = card.arguments.get("horizon", 1)
    return inputs * 100 + 50, rng.normal(150, 50, (count, width)).astype("float32")


def metric_names(name):
    metrics = find_config(name).training.metrics
    return {
        metric if isinstance(metric, str) else metric.arguments.get("name", metric.name)
        for metric in metrics
    }


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.slow if name in SLOW_TO_TRACE else ()) for name in NAMES],
)
def test_fit_evaluate_predict(name):
    keras.utils.set_random_seed(0)
    model = fresh(name)
    assert model.name == name
    inputs, targets = samples(name)
    before = [v.numpy() for v in model.trainable_variables]
    losses = model.fit(inputs, targets, batch_size=16, epochs=4, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    assert all(
        np.any(v.numpy() != b) for v, b in zip(model.trainable_variables, before, strict=True)
    )
    results = model.evaluate(inputs, targets, verbose=0, return_dict=True)
    assert set(results) == {"loss", *metric_names(name)}
    outputs = model.predict(inputs, verbose=0)
    assert outputs.shape == (16, *model.output_shape[1:])
    assert outputs.dtype == np.float32


@pytest.mark.slow
def test_saved_files_load_with_import_kerazoo_alone(tmp_path):
    """In a new process, in safe mode: the file must not need the code that made it."""
    expected = {}
    for name in NAMES:
        model = fresh(name)
        inputs, _ = samples(name, count=3)
        np.save(tmp_path / f"{name}.npy", inputs)
        expected[name] = np.asarray(model(inputs, training=False))  # without a graph: quicker
        model.save(tmp_path / f"{name}.keras")
    program = (
        "import json, sys, kerazoo\n"
        "import keras, numpy as np\n"
        "outputs = {}\n"
        "for name in sys.argv[1:]:\n"
        "    model = keras.saving.load_model(f'{name}.keras', safe_mode=True)\n"
        "    outputs[name] = np.asarray(model(np.load(f'{name}.npy'), training=False)).tolist()\n"
        "print(json.dumps(outputs))\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", program, *NAMES],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    outputs = json.loads(run.stdout.splitlines()[-1])
    for name in NAMES:
        np.testing.assert_allclose(outputs[name], expected[name], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", IMAGE_CLASSIFIERS)
def test_bytes_and_floats_give_equal_outputs(name):
    model = built(name)
    inputs, _ = samples(name, count=4)
    from_bytes = np.asarray(model(inputs, training=False))  # without a graph: quicker
    from_floats = np.asarray(model(inputs.astype("float32"), training=False))
    np.testing.assert_array_equal(from_bytes, from_floats)


@pytest.mark.parametrize("name", IMAGE_CLASSIFIERS)
def test_outputs_are_logits_unless_asked_otherwise(name):
    inputs, _ = samples(name, count=4)
    logits = built(name)
    scores = fresh(name, classifier_activation="softmax")
    scores.set_weights(logits.get_weights())
    raw = np.asarray(logits(inputs, training=False), "float64")
    expected = np.exp(raw) / np.exp(raw).sum(axis=1, keepdims=True)
    outputs = np.asarray(scores(inputs, training=False))
    np.testing.assert_allclose(outputs, expected, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("name", IMAGE_CLASSIFIERS)
@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_the_head_is_float32_whatever_the_precision(name, policy):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        model = fresh(name, classifier_activation="softmax")
    finally:
        keras.config.set_dtype_policy(before)
    assert model.get_layer("logits").compute_dtype == "float32"
    assert model.layers[-1].compute_dtype == "float32"
    assert any(layer.compute_dtype == policy.removeprefix("mixed_") for layer in model.layers)


def test_a_regression_keeps_the_digits_of_its_features_in_half_precision():
    """bfloat16 has steps of 4 at 1000; the feature moves by less."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = models.builders()["linear"]((1,), mean=[1000.0], variance=[0.25])
    finally:
        keras.config.set_dtype_policy(before)
    standardize = keras.Model(model.input, model.get_layer("standardize").output)
    standardized = standardize(np.array([[999.5], [1000.0], [1000.5]], "float32"))
    np.testing.assert_allclose(np.ravel(standardized), [-1, 0, 1], atol=1e-3)


@pytest.mark.parametrize("name", NAMES)
def test_variables_have_names_of_their_own(name):
    paths = [variable.path for variable in built(name).weights]
    assert len(set(paths)) == len(paths)


def test_mnist_cnn_is_the_network_of_its_description():
    """5x5 to 32, pool, 5x5 to 64, pool, dense 1024, dropout 0.5, dense 10."""
    model = models.builders()["small_cnn"](input_shape=(28, 28, 1), num_classes=10)
    reference = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            keras.layers.Rescaling(1 / 255),
            keras.layers.Conv2D(32, 5, padding="same", activation="relu"),
            keras.layers.MaxPooling2D(2),
            keras.layers.Conv2D(64, 5, padding="same", activation="relu"),
            keras.layers.MaxPooling2D(2),
            keras.layers.Flatten(),
            keras.layers.Dense(1024, activation="relu"),
            keras.layers.Dropout(0.5),
            keras.layers.Dense(10),
        ]
    )
    reference.set_weights(model.get_weights())
    inputs, _ = samples("mnist_cnn", count=4)
    np.testing.assert_allclose(
        model.predict(inputs, verbose=0), reference.predict(inputs, verbose=0), rtol=1e-5, atol=1e-6
    )
    assert find_config("mnist_cnn").model.arguments["dropout"] == 0.5
    assert kerazoo.get("mnist_cnn", weights=None).count_params() == 3_274_634


def test_linear_standardizes_and_adds_up():
    build = models.builders()["linear"]
    model = build(input_shape=(2,), units=1, mean=[1.0, 2.0], variance=[4.0, 9.0])
    model.get_layer("prediction").set_weights([np.array([[2.0], [3.0]]), np.array([0.5])])
    # (5 - 1) / 2 * 2 + (-4 - 2) / 3 * 3 + 0.5
    assert float(model.predict(np.array([[5.0, -4.0]]), verbose=0)[0, 0]) == pytest.approx(-1.5)


def test_linear_regression_knows_the_training_patients():
    features, _ = kerazoo.datasets.load_numpy("diabetes", "train")
    arguments = find_config("linear_regression").model.arguments
    np.testing.assert_allclose(arguments["mean"], features.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(arguments["variance"], features.var(axis=0), rtol=1e-5)


def test_linear_regression_comes_close_to_least_squares():
    """Within 0.01 of scikit-learn's closed form, on patients that neither has seen."""
    from sklearn.linear_model import LinearRegression

    features, target = kerazoo.datasets.load_numpy("diabetes", "train")
    exact = LinearRegression().fit(features, target)
    expected = exact.score(*kerazoo.datasets.load_numpy("diabetes", "test"))
    assert kerazoo.evaluate("linear_regression")["r2_score"] == pytest.approx(expected, abs=0.01)
