"""Two towers against NumPy; the item is not in its own history; the zoo's model and its figures."""

import os
from pathlib import Path

import keras
import numpy as np
import pytest

import kerazoo
from kerazoo.errors import DataError
from kerazoo.losses import InBatchSoftmaxLoss
from kerazoo.models.two_tower import two_tower
from kerazoo.tasks import find_task

NAME = "ml100k_two_tower"
TASK = find_task("recommendation")
ITEMS = 9


def inputs(rows=6, items=ITEMS, seed=0):
    rng = np.random.default_rng(seed)
    history = (rng.random((rows, items)) < 0.4).astype("uint8")
    return {"history": history, "item": rng.integers(0, items, rows).astype("int32")}


def unit(rows):
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6)


@pytest.mark.parametrize("hidden_units", [(), (7,), (7, 3)])
def test_is_its_formula_in_numpy(hidden_units):
    keras.utils.set_random_seed(0)
    model = two_tower(ITEMS, units=5, hidden_units=hidden_units)
    given = inputs()
    x = given["history"].astype("float64")
    x[np.arange(6), given["item"]] = 0
    x = unit(x)
    user_tower = model.get_layer("user_tower")
    for number in range(1, len(hidden_units) + 1):
        kernel, bias = user_tower.get_layer(f"hidden_{number}").get_weights()
        x = np.tanh(x @ kernel + bias)
    kernel, bias = user_tower.get_layer("vector").get_weights()
    (table,) = model.get_layer("item_tower").get_weights()
    expected = np.hstack([unit(x @ kernel + bias), unit(table[given["item"]])])
    outputs = np.asarray(model(given))
    assert outputs.dtype == np.float32
    np.testing.assert_allclose(outputs, expected, rtol=1e-4, atol=1e-5)


def test_whether_the_item_is_in_the_history_makes_no_difference():
    model = two_tower(ITEMS, units=4)
    given, rows = inputs(), np.arange(6)
    outputs = []
    for chosen in (0, 1):
        given["history"][rows, given["item"]] = chosen
        outputs.append(np.asarray(model(given)))
    np.testing.assert_array_equal(*outputs)


def test_an_empty_history_has_a_vector():
    outputs = two_tower(ITEMS, units=4)(
        {"history": np.zeros((1, ITEMS)), "item": np.zeros(1, "int32")}
    )
    assert np.all(np.isfinite(outputs))


def test_an_empty_history_has_a_vector_in_half_precision_too():
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = two_tower(ITEMS, units=4)
    finally:
        keras.config.set_dtype_policy(before)
    outputs = model({"history": np.zeros((1, ITEMS)), "item": np.zeros(1, "int32")})
    assert np.all(np.isfinite(outputs))


@pytest.mark.usefixtures("tensorflow_backend")
def test_an_empty_history_has_no_slope_at_first():
    """Keras's normalization has one of 1e12 at zero, where the vector is before training."""
    import tensorflow as tf

    tower = two_tower(ITEMS, units=4).get_layer("user_tower")
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(tower(np.zeros((1, ITEMS), "float32")))
    bias = tower.get_layer("vector").bias
    assert not tape.gradient(total, bias.value).numpy().any()


@pytest.mark.usefixtures("tensorflow_backend")
def test_an_empty_history_has_a_vector_in_a_tflite_file_too(tmp_path):
    tower = two_tower(ITEMS, units=4).get_layer("user_tower")
    histories = np.eye(ITEMS, k=1, dtype="float32")  # the last one is empty
    report = kerazoo.export(tower, tmp_path / "tower.tflite", calibration=histories)
    outputs = kerazoo.load_tflite(report.path).predict(histories)
    np.testing.assert_allclose(outputs, tower.predict(histories, verbose=0), atol=1e-5)


def test_dropout_is_of_items_and_in_training_alone():
    keras.utils.set_random_seed(0)
    model = two_tower(ITEMS, units=4, dropout=0.5)
    given = {name: keras.ops.convert_to_tensor(values) for name, values in inputs().items()}
    once, again = (np.asarray(model(given, training=False)) for _ in range(2))
    np.testing.assert_array_equal(once, again)
    assert np.any(np.asarray(model(given, training=True))[:, :4] != once[:, :4])
    np.testing.assert_array_equal(np.asarray(model(given, training=True))[:, 4:], once[:, 4:])


def test_learns_which_items_go_together():
    """Two groups of users with items of their own: the held-out ones of a group come first."""
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    items, users = 20, 60
    belongs = np.arange(users)[:, None] % 2 == np.arange(items)[None] % 2
    history = (belongs & (rng.random((users, items)) < 0.6)).astype("uint8")
    user, item = np.nonzero(history)
    counts = history.sum(axis=0)
    model = two_tower(items, units=8, dropout=0.2)
    model.compile("adam", InBatchSoftmaxLoss(temperature=0.2))
    model.optimizer.learning_rate = 0.02
    given = {"history": history[user], "item": item.astype("int32")}
    targets = np.stack([user, item, counts[item]], axis=1)
    losses = model.fit(given, targets, batch_size=64, epochs=8, verbose=0).history["loss"]
    assert losses[-1] < losses[0]

    scores = TASK.deployed(model, None).predict(history, verbose=0)
    unseen = history == 0
    of_group = [scores[row][belongs[row] & unseen[row]].min() for row in range(users)]
    of_other = [scores[row][~belongs[row]].max() for row in range(users)]
    assert np.mean(np.array(of_group) > of_other) > 0.95


def test_the_zoo_model_as_a_file(tmp_path):
    model = kerazoo.get(NAME, weights=None)
    assert model.name == NAME
    paths = [variable.path for variable in model.weights]
    assert len(set(paths)) == len(paths)
    given = inputs(rows=4, items=1682)
    expected = np.asarray(model(given))
    model.save(tmp_path / "towers.keras")
    again = keras.saving.load_model(tmp_path / "towers.keras", safe_mode=True)
    np.testing.assert_allclose(np.asarray(again(given)), expected, rtol=1e-5, atol=1e-6)


def test_a_person_without_the_data_gets_answers_too(monkeypatch, tmp_path):
    monkeypatch.setenv("KERAZOO_DATA", str(tmp_path))
    monkeypatch.setenv("KERAZOO_CACHE", str(tmp_path))
    answer = kerazoo.predict(NAME, "50, 181, 172", top=4)[0]
    assert len(answer.scores) == 4
    assert not answer.scores.keys() & {"item 50", "item 181", "item 172"}
    with pytest.raises(DataError, match="MovieLens 100K is not here. Get ml-100k.zip"):
        kerazoo.predict(NAME, "42")


def test_published_figures_are_measured_again():
    folder = Path(os.environ.get("KERAZOO_DATA", "")) / "ml-100k"
    if not any((folder / name).is_file() for name in ("u.data", "ml-100k.inter")):
        pytest.skip("needs ml-100k/u.data in the folder KERAZOO_DATA")
    published = kerazoo.info(NAME).metrics
    measured = kerazoo.evaluate(NAME)
    assert measured.keys() == published.keys()
    for name, value in published.items():
        assert measured[name] == pytest.approx(value, rel=1e-2), name
