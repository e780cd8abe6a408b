"""Two towers against NumPy; the item is not in its own history."""

import keras
import numpy as np
import pytest

from kerazoo.models.two_tower import two_tower

ITEMS = 9


def inputs(rows=6, seed=0):
    rng = np.random.default_rng(seed)
    history = (rng.random((rows, ITEMS)) < 0.4).astype("uint8")
    return {"history": history, "item": rng.integers(0, ITEMS, rows).astype("int32")}


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
    outputs = model.predict(given, verbose=0)
    assert outputs.dtype == np.float32
    np.testing.assert_allclose(outputs, expected, rtol=1e-4, atol=1e-5)


def test_whether_the_item_is_in_the_history_makes_no_difference():
    model = two_tower(ITEMS, units=4)
    given, rows = inputs(), np.arange(6)
    outputs = []
    for chosen in (0, 1):
        given["history"][rows, given["item"]] = chosen
        outputs.append(model.predict(given, verbose=0))
    np.testing.assert_array_equal(*outputs)


def test_an_empty_history_has_a_vector():
    outputs = two_tower(ITEMS, units=4).predict(
        {"history": np.zeros((1, ITEMS)), "item": np.zeros(1, "int32")}, verbose=0
    )
    assert np.all(np.isfinite(outputs))


def test_dropout_is_of_items_and_in_training_alone():
    keras.utils.set_random_seed(0)
    model = two_tower(ITEMS, units=4, dropout=0.5)
    given = {name: keras.ops.convert_to_tensor(values) for name, values in inputs().items()}
    once, again = (np.asarray(model(given, training=False)) for _ in range(2))
    np.testing.assert_array_equal(once, again)
    assert np.any(np.asarray(model(given, training=True))[:, :4] != once[:, :4])
    np.testing.assert_array_equal(np.asarray(model(given, training=True))[:, 4:], once[:, 4:])
