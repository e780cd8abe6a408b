"""DepthRates against AdamW run on each variable with a rate of its own."""

import keras
import numpy as np
import pytest

from kerazoo.errors import ConfigError
from kerazoo.training import DepthRates

pytestmark = pytest.mark.usefixtures("tensorflow_backend")
RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(32, 4)), RNG.normal(size=(32, 1))


def network():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((4,))
    x = keras.layers.Dense(3, activation="tanh", name="low")(inputs)
    return keras.Model(inputs, keras.layers.Dense(1, name="high")(x))


def trained(optimizer):
    model = network()
    model.compile(optimizer, "mse", run_eagerly=True)  # five steps are not worth compiling
    model.fit(X, Y, batch_size=32, epochs=5, verbose=0)
    return [np.array(v) for v in model.weights]


def by_hand(factors, rate):
    """Adam as its paper writes it, in float64, on NumPy gradients of the same network."""
    w1, b1, w2, b2 = (np.array(v, "float64") for v in network().get_weights())
    values, m, v = [w1, b1, w2, b2], [0.0] * 4, [0.0] * 4
    for step in range(1, 6):
        w1, b1, w2, b2 = values
        hidden = np.tanh(X @ w1 + b1)
        error = 2 * (hidden @ w2 + b2 - Y) / len(X)
        inner = error @ w2.T * (1 - hidden**2)
        gradients = [X.T @ inner, inner.sum(0), hidden.T @ error, error.sum(0)]
        for n, gradient in enumerate(gradients):
            m[n] = 0.9 * m[n] + 0.1 * gradient
            v[n] = 0.999 * v[n] + 0.001 * gradient**2
            size = np.sqrt(1 - 0.999**step) / (1 - 0.9**step)
            values[n] = values[n] - rate * factors[n] * size * m[n] / (np.sqrt(v[n]) + 1e-7)
    return values


def test_each_variable_moves_at_its_own_rate():
    factors = {"low/kernel": 0.1, "low/bias": 0.0, "high/kernel": 2.0}
    ours = trained(DepthRates(factors, learning_rate=0.05, weight_decay=0.0))
    for mine, expected in zip(ours, by_hand([0.1, 0.0, 2.0, 1.0], 0.05), strict=True):
        np.testing.assert_allclose(mine, expected, rtol=1e-3, atol=1e-5)


def test_without_factors_it_is_adamw():
    ours = trained(DepthRates({}, learning_rate=0.05, weight_decay=0.01))
    theirs = trained(keras.optimizers.AdamW(0.05, weight_decay=0.01))
    for mine, expected in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(mine, expected)


def test_a_file_keeps_it(tmp_path):
    model = network()
    schedule = keras.optimizers.schedules.CosineDecay(0.1, 100)
    model.compile(DepthRates({"low/kernel": 0.25}, schedule, clipnorm=1.0), "mse", run_eagerly=True)
    model.fit(X, Y, epochs=1, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    assert isinstance(loaded.optimizer, DepthRates)
    assert loaded.optimizer.get_config() == model.optimizer.get_config()
    for each in (model, loaded):
        each.fit(X, Y, epochs=2, shuffle=False, verbose=0)
    for mine, expected in zip(loaded.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_allclose(mine, expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("factors", "words"),
    [
        ({"low/kernel": -1.0}, "must be a finite number of at least 0"),
        ({"nothing": 1.0}, "names no variable that is trained"),
    ],
)
def test_bad_factors_are_one_line(factors, words):
    with pytest.raises(ConfigError, match=words):
        trained(DepthRates(factors))
