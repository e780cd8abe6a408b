"""Logits against angles from NumPy's arccos; slopes against finite differences, through `fit`."""

import math

import keras
import numpy as np
import pytest
from keras import ops

from kerazoo.errors import ConfigError, DataError, UnknownNameError
from kerazoo.layers import CosineClassifier


def random(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def by_definition(features, kernel, labels=None, scale=1.0, margin=0.0, margin_type="arcface"):
    """With `labels`: as in training."""
    features, kernel = features.astype("float64"), kernel.astype("float64")
    logits = np.empty((len(features), kernel.shape[1]))
    for i, j in np.ndindex(logits.shape):
        x, w = features[i], kernel[:, j]
        cosine = x @ w / (np.linalg.norm(x) * np.linalg.norm(w))
        if labels is not None and labels[i] == j:
            angle = math.acos(np.clip(cosine, -1, 1))
            if margin_type == "cosface":
                cosine -= margin
            elif angle + margin < math.pi:
                cosine = math.cos(angle + margin)
            else:
                cosine -= margin * math.sin(margin)
        logits[i, j] = scale * cosine
    return logits


def make(features=6, units=4, **arguments):
    layer = CosineClassifier(units, **arguments)
    layer.build((None, features))
    layer.set_weights([random(features, units, seed=9)])
    return layer


MARGINS = [("arcface", 0.5), ("arcface", 2.0), ("cosface", 0.35), ("cosface", 1.2)]


@pytest.mark.parametrize("scale", [1.0, 30.0])
def test_logits_are_scaled_cosines(scale):
    layer, features = make(scale=scale), random(7, 6) * 5
    expected = by_definition(features, layer.get_weights()[0], scale=scale)
    for labels in (None, np.zeros(7, "int32")):  # of no effect: not in training, and no margin
        outputs = ops.convert_to_numpy(layer(features, labels))
        np.testing.assert_allclose(outputs, expected, rtol=1e-4, atol=1e-5 * scale)


@pytest.mark.parametrize(("margin_type", "margin"), MARGINS)
@pytest.mark.parametrize("shape", [(-1,), (-1, 1)])
def test_training_lowers_the_right_class(margin_type, margin, shape):
    """A margin of 2 radians leads past pi for about a third of the samples."""
    layer = make(scale=8.0, margin=margin, margin_type=margin_type)
    features, labels = random(40, 6), np.arange(40) % 4
    kernel = layer.get_weights()[0]
    plain = by_definition(features, kernel, scale=8.0)
    expected = by_definition(features, kernel, labels, 8.0, margin, margin_type)
    outputs = ops.convert_to_numpy(layer(features, labels.reshape(shape), training=True))
    np.testing.assert_allclose(outputs, expected, atol=2e-4)
    right = np.arange(40), labels
    assert (outputs[right] < plain[right] - 0.05).all(), "a margin never helps"
    outside = ops.convert_to_numpy(layer(features, labels.reshape(shape), training=False))
    np.testing.assert_allclose(outside, plain, atol=2e-4)


@pytest.mark.parametrize("margin", [0.5, 2.0])
def test_arcface_falls_with_the_angle_all_the_way(margin):
    """From 0 to pi: without the line past pi, cos(angle + margin) would turn and rise."""
    angles = np.linspace(0, math.pi, 200)
    features = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    layer = CosineClassifier(1, scale=1.0, margin=margin)
    layer.build((None, 2))
    layer.set_weights([np.array([[1.0], [0.0]])])
    outputs = layer(features, np.zeros(200, "int32"), training=True)
    assert (np.diff(ops.convert_to_numpy(outputs)[:, 0]) <= 1e-6).all()


def cross_entropy(logits, labels):
    shifted = logits - logits.max(axis=1, keepdims=True)
    return np.mean(np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(len(labels)), labels])


def fit_once(layer, features, labels, **compilation):
    """One step of SGD with rate 1, in a model with an input for labels."""
    inputs, classes = keras.Input(features.shape[1:]), keras.Input((), dtype="int32")
    model = keras.Model([inputs, classes], layer(inputs, classes))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(1.0), loss, **compilation)
    model.fit([features, labels], labels, batch_size=len(labels), verbose=0)
    return layer.get_weights()[0]


@pytest.mark.parametrize(("margin_type", "margin"), MARGINS)
def test_weights_follow_the_slope(margin_type, margin):
    arguments = {"scale": 4.0, "margin": margin, "margin_type": margin_type}
    layer, features, labels = make(**arguments), random(12, 6), np.arange(12) % 4
    before = layer.get_weights()[0].astype("float64")
    after = fit_once(layer, features, labels)
    slope, step = np.empty_like(before), 1e-5
    for place in np.ndindex(before.shape):
        losses = []
        for sign in (1, -1):
            moved = before.copy()
            moved[place] += sign * step
            losses.append(
                cross_entropy(by_definition(features, moved, labels, **arguments), labels)
            )
        slope[place] = (losses[0] - losses[1]) / (2 * step)
    np.testing.assert_allclose(before - after, slope, atol=1e-4)


@pytest.mark.parametrize("policy", ["float32", "mixed_float16", "mixed_bfloat16"])
@pytest.mark.parametrize("margin_type", ["arcface", "cosface"])
def test_slopes_are_finite_where_angles_are_0_or_pi_or_none(policy, margin_type):
    """The root in the sine has an infinite slope at 0, and zeros have no direction."""
    layer = make(margin=0.3, margin_type=margin_type, dtype=policy)
    kernel = layer.get_weights()[0]
    features = np.stack([5 * kernel[:, 0], -kernel[:, 1], np.zeros(6)])
    after = fit_once(layer, features, np.array([0, 1, 2]))
    assert np.isfinite(after).all()
    outputs = ops.cast(layer(features, np.array([0, 1, 2]), training=True), "float32")
    outputs = ops.convert_to_numpy(outputs)
    assert np.isfinite(outputs).all()
    assert not outputs[2, [0, 1, 3]].any()


@pytest.mark.usefixtures("tensorflow_backend")
def test_features_without_direction_have_no_slope():
    import tensorflow as tf

    layer = make(scale=1.0)
    features = tf.Variable(np.stack([np.zeros(6, "float32"), np.ones(6, "float32")]))
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(layer(features) * [1.0, 2.0, 3.0, 4.0])
    slope = tape.gradient(total, features).numpy()
    assert not slope[0].any()
    assert slope[1].any()


def test_lengths_do_not_count_even_in_half_precision():
    """200 ** 2 * 64 is beyond float16; the angle must not notice."""
    layer = make(features=64, dtype="mixed_float16", scale=16.0)
    features = random(3, 64)
    plain = ops.convert_to_numpy(layer(features))
    np.testing.assert_allclose(ops.convert_to_numpy(layer(features * 200)), plain, atol=0.03)
    assert plain.dtype == "float16"


def test_the_model_that_is_shipped_shares_the_weights():
    inputs, classes = keras.Input((6,)), keras.Input((), dtype="int32")
    layer = CosineClassifier(4, scale=16.0, margin=0.5)
    in_training = keras.Model([inputs, classes], layer(inputs, classes))
    shipped = keras.Model(inputs, layer(inputs))
    assert in_training.output_shape == shipped.output_shape == (None, 4)
    features, labels = random(16, 6), np.arange(16) % 4
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    in_training.compile(keras.optimizers.Adam(0.05), loss)
    in_training.fit([features, labels], labels, epochs=3, verbose=0)
    expected = by_definition(features, layer.get_weights()[0], scale=16.0)
    np.testing.assert_allclose(shipped.predict(features, verbose=0), expected, atol=1e-3)


def test_a_label_out_of_range_gets_no_margin():
    layer = make(scale=1.0, margin=0.5)
    features = random(2, 6)
    outputs = layer(features, np.array([-1, 4]), training=True)
    expected = by_definition(features, layer.get_weights()[0])
    np.testing.assert_allclose(ops.convert_to_numpy(outputs), expected, atol=1e-5)


def test_training_with_a_margin_needs_labels():
    layer = make(margin=0.5)
    with pytest.raises(DataError, match="has margin=0.5 and needs `labels` in training"):
        layer(random(2, 6), training=True)
    assert tuple(make()(random(2, 6), training=True).shape) == (2, 4)


@pytest.mark.parametrize("labels", [np.zeros(2), np.zeros((2, 4), "int32")])
def test_labels_that_are_no_classes_are_refused(labels):
    with pytest.raises(DataError, match="`labels` must be integers of shape"):
        make(margin=0.5)(random(2, 6), labels, training=True)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"units": 0}, "`units` must be an integer of 1 or above"),
        ({"scale": 0.0}, "`scale` must be a finite number above 0"),
        ({"margin": 3.2}, "`margin` must be .* below 3.1415"),
        ({"margin": 2.0, "margin_type": "cosface"}, "`margin` must be .* below 2.* Received: 2.0"),
        ({"margin": "0.5"}, "`margin` must be a finite number"),
        ({"margin": -0.1}, "`margin` must be a finite number of at least 0"),
    ],
)
def test_arguments_out_of_range_are_refused(arguments, words):
    with pytest.raises(ConfigError, match=words):
        CosineClassifier(**{"units": 3, **arguments})


def test_an_unknown_number_of_features_is_refused():
    with pytest.raises(DataError, match="takes .batch, features. with a known number of"):
        CosineClassifier(3).build((None, None))


def test_an_unknown_margin_is_refused():
    with pytest.raises(UnknownNameError, match="Unknown margin_type 'arc'. Did you mean 'arcface'"):
        CosineClassifier(3, margin_type="arc")
