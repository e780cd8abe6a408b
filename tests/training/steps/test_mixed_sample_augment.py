"""mixup and CutMix against NumPy, and their random shares against the beta distribution."""

import keras
import numpy as np
import pytest
from scipy import stats

from kerazoo.training.steps import MixedSampleAugment
from kerazoo.training.steps._mixing import draw_share
from tests.training.steps.conftest import X, Y, compiled, make_net


@pytest.mark.parametrize("alpha", [0.05, 0.2, 1.0, 4.0])
def test_shares_are_beta_distributed(alpha):
    import tensorflow as tf

    generator = keras.random.SeedGenerator(3)
    draw = tf.function(lambda: tf.map_fn(lambda _: draw_share(alpha, generator), tf.zeros(4000)))
    shares = np.asarray(draw())
    assert 0 <= shares.min() <= shares.max() <= 1
    expected = stats.beta(alpha, alpha).cdf
    for bound in (0.001, 0.1, 0.3, 0.5, 0.7, 0.9):  # float32 rounds to 1 what is nearer than 1e-7
        assert np.mean(shares <= bound) == pytest.approx(expected(bound), abs=0.02)
    if alpha >= 1:
        assert stats.kstest(shares, expected).pvalue > 0.01


def test_mixup_blends_with_the_partner():
    wrapper = MixedSampleAugment(make_net(), "mixup", alpha=1.0, seed=0)
    mixed, share, partner = wrapper.mix({"a": X, "b": X[:, 0]})
    share, partner = float(share), np.asarray(partner)
    assert sorted(partner) == list(range(len(X)))
    assert 0 < share < 1
    np.testing.assert_allclose(mixed["a"], share * X + (1 - share) * X[partner], atol=1e-6)
    np.testing.assert_allclose(mixed["b"], np.asarray(mixed["a"])[:, 0], atol=1e-6)


def test_pixels_are_blended_as_floats():
    pixels = np.array([[0, 255], [255, 0]], "uint8")
    mixed, share, partner = MixedSampleAugment(make_net(), "mixup", seed=1).mix(pixels)
    expected = float(share) * pixels + (1 - float(share)) * pixels[np.asarray(partner)]
    np.testing.assert_allclose(mixed, expected, rtol=1e-6)


@pytest.mark.parametrize("shape", [(12,), (9, 14), (5, 6, 7)])
def test_cutmix_takes_one_box_from_the_partner(shape):
    """A time span, a rectangle, a block: each sample's own values are its number."""
    x = np.broadcast_to(np.arange(8.0).reshape(8, *[1] * len(shape), 1), (8, *shape, 2))
    wrapper = MixedSampleAugment(make_net(), "cutmix", alpha=1.0, seed=2)
    boxes = 0
    for _ in range(20):
        mixed, share, partner = (np.asarray(value) for value in wrapper.mix(x))
        changed = np.argwhere(partner != np.arange(8))[0, 0]
        inside = mixed[changed, ..., 0] == partner[changed]
        assert share == pytest.approx(1 - inside.mean(), abs=1e-6)
        for sample in range(8):
            expected = np.where(inside[..., None], x[partner[sample]], x[sample])
            np.testing.assert_array_equal(mixed[sample], expected)
        for axis in range(len(shape)):  # one unbroken span on every axis makes a box
            others = tuple(number for number in range(len(shape)) if number != axis)
            span = np.flatnonzero(inside.any(axis=others))
            assert span.size == 0 or span.size == span[-1] - span[0] + 1
        if inside.any():
            boxes += 1
            sides = [np.unique(places).size for places in np.nonzero(inside)]
            assert inside.sum() == np.prod(sides)
    assert boxes > 10


def crossentropy(logits, y):
    return np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(len(y)), y]


@pytest.mark.parametrize("method", ["mixup", "cutmix"])
def test_integer_labels_and_weights_go_through_two_losses(method):
    weight = np.linspace(0.5, 2.0, len(Y))
    wrapper = MixedSampleAugment(make_net(), method, alpha=1.0, seed=4)
    compiled(wrapper, run_eagerly=True)
    mixed, share, partner = (
        np.asarray(value)
        for value in MixedSampleAugment(make_net(), method, alpha=1.0, seed=4).mix(X)
    )
    net = make_net()
    logits = np.asarray(net(mixed, training=True), "float64")
    own = np.mean(weight * crossentropy(logits, Y))
    other = np.mean(weight[partner] * crossentropy(logits, Y[partner]))
    expected = share * own + (1 - share) * other + float(sum(net.losses))

    logs = wrapper.train_on_batch(X, Y, weight, return_dict=True)
    assert logs["loss"] == pytest.approx(expected, rel=1e-5)
    larger = Y if share >= 0.5 else Y[partner]
    assert logs["accuracy"] == pytest.approx(np.mean(logits.argmax(axis=1) == larger), abs=1e-6)


def test_two_losses_are_the_loss_of_mixed_one_hot_targets():
    wrapper = MixedSampleAugment(make_net(), "mixup", seed=4)
    _, share, partner = MixedSampleAugment(make_net(), "mixup", seed=4).mix(X)
    targets = float(share) * np.eye(3)[Y] + (1 - float(share)) * np.eye(3)[Y][np.asarray(partner)]
    mixed = float(share) * X + (1 - float(share)) * X[np.asarray(partner)]
    loss = keras.losses.CategoricalCrossentropy(from_logits=True)
    expected = float(loss(targets, wrapper.model(mixed))) + float(sum(wrapper.model.losses))
    wrapper.compile("sgd", loss, run_eagerly=True)
    assert wrapper.train_on_batch(X, np.eye(3)[Y]) == pytest.approx(expected, rel=1e-5)


def test_every_batch_is_mixed_anew():
    wrapper = MixedSampleAugment(make_net(), seed=0)
    first, second = wrapper.mix(X), wrapper.mix(X)
    assert float(first[1]) != float(second[1])
    assert (np.asarray(first[2]) != np.asarray(second[2])).any()
