"""SAM against the paper's formula by hand, and against a plain implementation with two tapes."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerazoo.training.steps import SharpnessAware
from tests.training.steps.conftest import X, Y, compiled, make_net

RHO, RATE = 0.3, 0.1


@pytest.mark.parametrize("adaptive", [False, True])
def test_one_step_of_linear_regression_by_hand(adaptive):
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=(8, 3)), rng.normal(size=(3, 1))
    y = rng.normal(size=(8, 1))

    def gradient(w):
        return 2 * x.T @ (x @ w - y) / len(x)

    g = gradient(w)
    size = np.abs(w) if adaptive else 1.0
    e = RHO * size**2 * g / np.sqrt(np.sum((size * g) ** 2))
    expected = w - RATE * gradient(w + e)

    line = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, use_bias=False)])
    line.set_weights([w])
    wrapper = SharpnessAware(line, rho=RHO, adaptive=adaptive)
    wrapper.compile(keras.optimizers.SGD(RATE), "mse")
    loss = wrapper.train_on_batch(x, y)
    np.testing.assert_allclose(line.get_weights()[0], expected, rtol=1e-5)
    assert loss == pytest.approx(np.mean((x @ w - y) ** 2), rel=1e-5)  # that at w


def plain_steps(model, batches):
    """Add e to the weights, take the gradient there, and put the weights back."""
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    optimizer = keras.optimizers.SGD(RATE, momentum=0.9)
    weights = model.trainable_variables
    for x, y in batches:
        before = [np.array(weight) for weight in weights]
        with tf.GradientTape() as tape:
            value = loss(y, model(x, training=True)) + sum(model.losses)
        gradients = tape.gradient(value, weights)
        statistics = [np.array(v) for v in model.non_trainable_variables]
        norm = np.sqrt(sum(np.sum(np.square(g)) for g in gradients))
        for weight, g in zip(weights, gradients, strict=True):
            weight.assign_add(RHO * g / norm)
        with tf.GradientTape() as tape:
            value = loss(y, model(x, training=True)) + sum(model.losses)
        gradients = tape.gradient(value, weights)
        for variable, value in zip(weights, before, strict=True):
            variable.assign(value)
        for variable, value in zip(model.non_trainable_variables, statistics, strict=True):
            variable.assign(value)
        optimizer.apply_gradients(zip(gradients, weights, strict=True))


def test_steps_of_a_net_with_statistics_are_those_of_two_plain_tapes():
    expected, net = make_net(norm=True), make_net(norm=True)
    batches = [(X[start : start + 32], Y[start : start + 32]) for start in (0, 32, 64)]
    plain_steps(expected, batches)
    wrapper = compiled(SharpnessAware(net, RHO), keras.optimizers.SGD(RATE, momentum=0.9))
    for x, y in batches:
        wrapper.train_on_batch(x, y)
    for ours, theirs in zip(net.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-6)


def test_both_passes_drop_the_same_units():
    """With dropout before a linear layer, the second gradient shows which inputs were dropped."""
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Dropout(0.5), keras.layers.Dense(1, use_bias=False)]
    line = keras.Sequential([keras.Input((64,)), *layers])
    wrapper = SharpnessAware(line, rho=0.1)
    wrapper.compile(keras.optimizers.SGD(1.0), keras.losses.MeanAbsoluteError())
    x, seed = np.ones((1, 64)), wrapper.random_states[0]
    for _ in range(2):
        start, before = seed.numpy(), line.get_weights()[0]
        kept = np.ravel(keras.random.dropout(np.ones((1, 64), "float32"), 0.5, seed=at(start)))
        wrapper.train_on_batch(x, np.array([[1e6]]))
        moved = np.ravel(line.get_weights()[0] - before)
        np.testing.assert_array_equal(moved != 0, kept != 0)
        np.testing.assert_array_equal(seed, [start[0], start[1] + 1])


def at(state):
    generator = keras.random.SeedGenerator(0)
    generator.state.assign(state)
    return generator


def test_embeddings_and_unused_weights():
    """Sparse gradients count as the dense ones they stand for; no gradient is a gradient of 0."""

    class Net(keras.Model):
        def __init__(self):
            super().__init__()
            self.table = keras.layers.Embedding(4, 1, embeddings_initializer="ones")
            self.unused = self.add_weight(shape=(2,), name="unused")

        def call(self, tokens):
            return keras.ops.sum(self.table(tokens), axis=(1, 2))

    net = Net()
    tokens, y = np.array([[1, 1, 2]]), np.array([0.0])
    net(tokens)
    wrapper = SharpnessAware(net, rho=1.0)
    wrapper.compile(keras.optimizers.SGD(0.1), "mse")
    wrapper.train_on_batch(tokens, y)
    w = np.array([0.0, 2.0, 1.0, 0.0])  # how often each token stands there
    g = 2 * (w @ np.ones(4)) * w
    e = g / np.linalg.norm(g)
    expected = np.ones(4) - 0.1 * 2 * (w @ (np.ones(4) + e)) * w
    np.testing.assert_allclose(np.ravel(net.table.embeddings), expected, rtol=1e-5)
