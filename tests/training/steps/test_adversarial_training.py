"""FGSM and PGD against their definitions, and what they are for: a net that stands attacks."""

import keras
import numpy as np
import pytest

from kerazoo.training.steps import AdversarialTraining
from tests.training.steps.conftest import X, Y, compiled, make_net

W = np.array([[0.5, -1.0], [-2.0, 0.25], [1.0, 1.5]])


def linear_softmax(**kwargs):
    net = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, use_bias=False)])
    net.set_weights([W])
    return compiled(AdversarialTraining(net, **kwargs))


def gradient(x, y):
    """Of the crossentropy of softmax(x W), by hand."""
    logits = x @ W
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return (p - np.eye(2)[y]) @ W.T


def some_data():
    rng = np.random.default_rng(0)
    return rng.normal(size=(16, 3)).astype("float32"), rng.integers(0, 2, 16)


def test_fgsm_is_the_sign_of_the_gradient():
    x, y = some_data()
    attacked = linear_softmax(epsilon=0.25).attack(x, y)
    np.testing.assert_allclose(attacked, x + 0.25 * np.sign(gradient(x, y)), atol=1e-6)


def test_pgd_is_repeated_projected_steps():
    x, y = some_data()
    expected = x.astype("float64")
    for _ in range(4):
        expected = expected + 0.1 * np.sign(gradient(expected, y))
        expected = np.clip(np.clip(expected, x - 0.25, x + 0.25), -1.0, 1.5)
    wrapper = linear_softmax(epsilon=0.25, steps=4, step_size=0.1, clip_range=(-1.0, 1.5))
    np.testing.assert_allclose(wrapper.attack(x, y), expected, atol=1e-6)


def test_the_step_of_several_is_madrys():
    x, y = np.zeros((1, 3), "float32"), np.array([0])
    one = linear_softmax(epsilon=8.0, steps=5).attack(x, y)
    np.testing.assert_allclose(one, np.clip(5 * 4.0 * np.sign(gradient(x, y)), -8, 8))
    wrapper = linear_softmax(epsilon=100.0, steps=50)
    assert np.abs(wrapper.attack(x, y)).max() == pytest.approx(100.0)  # 50 steps of 5 reach it


def test_a_random_start_stays_in_the_ball_and_raises_the_loss():
    net = make_net(dropout=0.5, norm=True)
    wrapper = AdversarialTraining(
        net, 0.3, steps=5, random_start=True, clip_range=(-2.0, 2.0), seed=1
    )
    compiled(wrapper)
    x = np.clip(X, -2.0, 2.0)
    attacked, again = (np.asarray(wrapper.attack(x, Y)) for _ in range(2))
    for values in (attacked, again):
        assert np.abs(values - x).max() <= 0.3 + 1e-6
        assert np.abs(values).max() <= 2.0
    assert np.abs(attacked - again).max() > 0.01  # another start
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    assert float(loss(Y, net(attacked))) > float(loss(Y, net(x))) + 0.1


def test_an_attack_leaves_no_trace():
    net = make_net(dropout=0.5, norm=True)
    wrapper = compiled(AdversarialTraining(net, 0.3, steps=2), run_eagerly=True)
    wrapper.train_on_batch(X, Y)
    variables = [*net.variables, *wrapper.metrics_variables]
    before = [np.array(variable) for variable in variables]
    wrapper.attack(X, Y)
    for variable, value in zip(variables, before, strict=True):
        np.testing.assert_array_equal(variable, value)


def test_pixels_are_changed_and_tokens_are_not():
    pixels, tokens = keras.Input((2, 2, 1)), keras.Input((3,), dtype="int32")
    joined = [
        keras.layers.Flatten()(pixels),
        keras.layers.Flatten()(keras.layers.Embedding(4, 2)(tokens)),
    ]
    features = keras.layers.Rescaling(1 / 255)(keras.layers.Concatenate()(joined))
    net = keras.Model([pixels, tokens], keras.layers.Dense(2)(features))
    wrapper = compiled(AdversarialTraining(net, epsilon=8, clip_range=(0, 255)))
    images = np.array([0, 100, 200, 255], "uint8").reshape(1, 2, 2, 1)
    words = np.array([[1, 2, 3]], "int32")
    attacked, same = wrapper.attack((images, words), np.array([0]))
    np.testing.assert_array_equal(same, words)
    change = np.ravel(attacked) - np.ravel(images).astype("float32")
    assert set(np.abs(change[1:3])) == {8.0}
    assert set(np.abs(change[[0, 3]])) <= {0.0, 8.0}
    assert np.isfinite(wrapper.train_on_batch([images, words], np.array([0]))).all()


@pytest.mark.parametrize("clean_weight", [0.0, 0.25])
def test_the_loss_is_the_weighted_one(clean_weight):
    x, y = some_data()
    wrapper = linear_softmax(epsilon=0.25, clean_weight=clean_weight)

    def crossentropy(x):
        logits = x @ W
        return np.mean(np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(len(y)), y])

    attacked = crossentropy(x + 0.25 * np.sign(gradient(x, y)))
    logs = wrapper.train_on_batch(x, y, return_dict=True)
    assert logs["adversarial_loss"] == pytest.approx(attacked, rel=1e-5)
    expected = clean_weight * crossentropy(x) + (1 - clean_weight) * attacked
    assert logs["loss"] == pytest.approx(expected, rel=1e-5)


def small_cnn():
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            keras.layers.Conv2D(8, 5, strides=2, activation="relu"),
            keras.layers.Flatten(),
            keras.layers.Dense(32, activation="relu"),
            keras.layers.Dense(10),
        ]
    )


@pytest.mark.slow
def test_a_net_trained_under_attack_stands_one_it_has_not_seen(digits):
    (x, y), (x_test, y_test) = digits
    plain, hardened = compiled(small_cnn(), keras.optimizers.Adam(0.01)), small_cnn()
    plain.fit(x, y, epochs=2, batch_size=64, verbose=0)
    wrapper = AdversarialTraining(
        hardened, 0.1, steps=2, step_size=0.1, random_start=True, clip_range=(0, 1), seed=0
    )
    compiled(wrapper, keras.optimizers.Adam(0.01)).fit(x, y, epochs=2, batch_size=64, verbose=0)

    def accuracy_under_attack(net):
        attacker = AdversarialTraining(net, 0.1, steps=10, clip_range=(0, 1))
        attacked = compiled(attacker).attack(x_test, y_test)
        return np.mean(np.argmax(net(attacked), axis=1) == y_test)

    assert accuracy_under_attack(hardened) > accuracy_under_attack(plain) + 0.2
    assert np.mean(np.argmax(hardened(x_test), axis=1) == y_test) > 0.8
