"""Mean Teacher's average, ramp and two losses against NumPy, and what it is for: few labels."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerazoo.errors import ConfigError, DataError
from kerazoo.training.steps import MeanTeacher
from tests.training.steps.conftest import X, Y, compiled, fit, make_net, noise, softmax

SOME = np.where(np.arange(len(Y)) % 3 == 0, Y, -1)


@pytest.mark.parametrize("accumulated", [None, 4])
def test_the_teacher_is_the_moving_average_of_the_model(accumulated):
    """Over its updates: while gradients are accumulated there are none."""
    net = make_net(norm=True)
    optimizer = keras.optimizers.SGD(0.1, gradient_accumulation_steps=accumulated)
    teaching = MeanTeacher(net, decay=0.7, from_logits=True)
    wrapper = compiled(teaching, optimizer, run_eagerly=accumulated is None)
    expected = net.get_weights()
    for step in range(1, 6):
        for _ in range(accumulated or 1):
            wrapper.train_on_batch(X, SOME)
        decay = min(1 - 1 / (step + 1), 0.7)
        expected = [
            decay * mine + (1 - decay) * its
            for mine, its in zip(expected, net.get_weights(), strict=True)
        ]
        for ours, theirs in zip(wrapper.teacher.get_weights(), expected, strict=True):
            np.testing.assert_allclose(ours, theirs, atol=1e-6)
    assert np.abs(net.get_weights()[0] - expected[0]).max() > 1e-3
    assert wrapper.teacher.trainable_variables == []


def test_the_losses_are_those_of_the_formula():
    net = make_net()
    weight = np.linspace(0.5, 2.0, len(Y))
    wrapper = compiled(
        MeanTeacher(net, decay=0.5, consistency_weight=7.0, ramp_up_steps=4, from_logits=True)
    )
    for step in range(6):
        p, q = softmax(net(X)), softmax(wrapper.teacher(X))
        penalty = float(sum(net.losses))
        known = SOME >= 0
        crossentropy = -np.log(p[np.arange(len(Y)), np.maximum(SOME, 0)])
        supervised = np.sum((weight * crossentropy)[known]) / len(Y)
        consistency = np.mean((p - q) ** 2)
        ramp = np.exp(-5 * (1 - min(step / 4, 1)) ** 2)
        accuracy = np.average((p.argmax(axis=1) == Y)[known], weights=weight[known])

        logs = wrapper.train_on_batch(X, SOME, weight, return_dict=True)
        assert logs["consistency_loss"] == pytest.approx(consistency, rel=1e-4, abs=1e-9)
        expected = supervised + penalty + 7.0 * ramp * consistency
        assert logs["loss"] == pytest.approx(expected, rel=1e-5)
        assert logs["accuracy"] == pytest.approx(accuracy, abs=1e-6)


def test_classes_weigh_the_same_in_arrays_and_in_tf_data():
    known, class_weight = SOME >= 0, {0: 0.2, 1: 3.0}  # of three classes
    weight = np.select([Y == 0, Y == 1], [0.2, 3.0], 1.0)
    net = make_net()
    crossentropy = -np.log(softmax(net(X))[np.arange(len(Y)), Y])
    expected = np.sum((weight * crossentropy)[known]) / len(Y) + float(sum(net.losses))
    for labels in (SOME, SOME[:, None]):
        data = tf.data.Dataset.from_tensor_slices((X, labels)).batch(len(X))
        for given in ({"x": X, "y": labels, "batch_size": len(X)}, {"x": data}):
            wrapper = compiled(MeanTeacher(make_net(), from_logits=True), run_eagerly=True)
            history = wrapper.fit(**given, class_weight=class_weight, verbose=0).history
            assert history["loss"] == pytest.approx([expected], rel=1e-5)
    both = data.map(lambda x, y: (x, y, 1.0))
    with pytest.raises(DataError, match="of classes or of samples. Received: both"):
        wrapper.fit(both, class_weight=class_weight, verbose=0)


def test_both_see_views_of_their_own():
    """With equal weights and no other noise, only the views can differ."""
    wrapper = MeanTeacher(make_net(), augmentation=noise(), from_logits=True)
    compiled(wrapper, run_eagerly=True)
    twin = noise()
    p, q = (softmax(wrapper.model(twin(X, training=True))) for _ in range(2))
    logs = wrapper.train_on_batch(X, SOME, return_dict=True)
    assert logs["consistency_loss"] == pytest.approx(np.mean((p - q) ** 2), rel=1e-3)


def test_fixed_seeds_of_layers_do_not_make_equal_noise():
    keras.utils.set_random_seed(0)
    layers = [keras.layers.Dropout(0.5, seed=3), keras.layers.Dense(3)]
    net = keras.Sequential([keras.Input((4,)), *layers])
    wrapper = compiled(MeanTeacher(net, from_logits=True), run_eagerly=True)
    logs = wrapper.train_on_batch(np.ones((64, 4)), np.zeros(64), return_dict=True)
    assert logs["consistency_loss"] > 1e-3


def test_evaluate_leaves_out_what_has_no_label():
    wrapper = compiled(MeanTeacher(make_net(), from_logits=True), run_eagerly=True)
    known = SOME >= 0
    some = wrapper.evaluate(X, SOME, batch_size=len(X), verbose=0, return_dict=True)
    logits = np.asarray(wrapper.model(X))
    assert some["accuracy"] == pytest.approx(np.mean(logits.argmax(axis=1)[known] == Y[known]))
    every = wrapper.evaluate(X, Y, verbose=0, return_dict=True)
    plain = compiled(make_net(), run_eagerly=True).evaluate(X, Y, verbose=0, return_dict=True)
    assert every == pytest.approx(plain, rel=1e-5)


def test_columns_of_labels_probabilities_and_two_classes():
    keras.utils.set_random_seed(0)
    net = keras.Sequential([keras.Input((5, 4)), keras.layers.Flatten()])
    net.add(keras.layers.Dense(1, "sigmoid"))
    wrapper = MeanTeacher(net, decay=0.5)
    wrapper.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    labels = np.where(SOME == 2, -1, SOME)[:, None]
    data = tf.data.Dataset.from_tensor_slices((X, labels)).batch(32)
    history = wrapper.fit(data, epochs=3, validation_data=data, verbose=0).history
    assert history["val_loss"][-1] < history["val_loss"][0]
    p, q = np.asarray(net(X)), np.asarray(wrapper.teacher(X))
    logs = wrapper.train_on_batch(X, labels, return_dict=True)
    assert logs["consistency_loss"] == pytest.approx(np.mean((p - q) ** 2), rel=1e-3)


def test_a_batch_without_any_label_trains_on_consistency_alone():
    wrapper = compiled(MeanTeacher(make_net(dropout=0.5), from_logits=True))
    history = fit(wrapper, y=np.full(len(X), -1), epochs=2)
    assert np.isfinite(history["loss"]).all()
    assert history["accuracy"] == [0.0, 0.0]


@pytest.mark.parametrize("policy", ["bfloat16", "float16"])
def test_weights_too_coarse_for_an_average_are_refused(policy):
    with pytest.raises(ConfigError, match=f"`model` must hold its weights in float32.*{policy}"):
        MeanTeacher(make_net(dtype=policy))


class WithInteger(keras.Model):
    """Holds a number that no training step changes."""

    def __init__(self):
        super().__init__()
        self.flat, self.dense = keras.layers.Flatten(), keras.layers.Dense(3)
        self.number = self.add_weight(
            shape=(), initializer="zeros", dtype="int32", trainable=False, name="number"
        )

    def call(self, inputs):
        return self.dense(self.flat(inputs))

    def get_config(self):
        return {}


def test_integer_weights_are_copied():
    net = WithInteger()
    net(X)
    wrapper = compiled(MeanTeacher(net, decay=0.9, from_logits=True), run_eagerly=True)
    for number in (7, 3):
        net.number.assign(number)
        wrapper.train_on_batch(X, SOME)
        assert int(wrapper.teacher.number) == number


def test_metrics_may_be_keyed_by_the_output():
    inputs = keras.Input((5, 4))
    outputs = keras.layers.Dense(3, name="logits")(keras.layers.Flatten()(inputs))
    keyed = {"logits": ["accuracy"]}
    wrapper = MeanTeacher(keras.Model(inputs, outputs), from_logits=True)
    compiled(wrapper, metrics=keyed, run_eagerly=True)
    known = SOME >= 0
    expected = np.mean(np.asarray(wrapper(X)).argmax(axis=1)[known] == Y[known])
    logs = wrapper.train_on_batch(X, SOME, return_dict=True)
    assert set(logs) == {"accuracy", "consistency_loss", "loss"}
    assert logs["accuracy"] == pytest.approx(expected, abs=1e-6)


def test_labels_of_another_shape_are_one_line_without_their_values():
    wrapper = compiled(MeanTeacher(make_net(), from_logits=True), run_eagerly=True)
    with pytest.raises(DataError) as caught:
        wrapper.train_on_batch(X, np.eye(3)[Y])
    assert "Received: (96, 3)" in str(caught.value)
    assert "\n" not in str(caught.value)


def small_cnn(seed):
    keras.utils.set_random_seed(seed)
    layers = [
        keras.layers.Conv2D(16, 5, strides=2, activation="relu"),
        keras.layers.Conv2D(32, 3, strides=2, activation="relu"),
        keras.layers.Flatten(),
        keras.layers.Dropout(0.5),
        keras.layers.Dense(10),
    ]
    return keras.Sequential([keras.Input((28, 28, 1)), *layers])


def jitter():
    shift = keras.layers.RandomTranslation(0.08, 0.08, fill_mode="constant", seed=1)
    return keras.Sequential(
        [shift, keras.layers.RandomRotation(0.04, fill_mode="constant", seed=2)]
    )


def mixed_batches(x, y, labelled):
    """50 of the labelled samples and 150 of all without their label."""
    few = tf.data.Dataset.from_tensor_slices((x[labelled], y[labelled]))
    rest = tf.data.Dataset.from_tensor_slices((x, np.full(len(y), -1)))
    few = few.repeat().shuffle(100, seed=1).batch(50)
    rest = rest.repeat().shuffle(len(x), seed=2).batch(150)
    return tf.data.Dataset.zip(few, rest).map(
        lambda one, other: tf.nest.map_structure(lambda *both: tf.concat(both, 0), one, other)
    )


@pytest.mark.slow
@pytest.mark.release
def test_unlabelled_digits_help_a_hundred_labelled_ones(digits):
    (x, y), (x_test, y_test) = digits
    labelled = np.concatenate([np.flatnonzero(y == digit)[:10] for digit in range(10)])
    scores = {0.0: [], 5.0: []}
    for weight, found in scores.items():
        for seed in range(3):
            wrapper = MeanTeacher(small_cnn(seed), 0.98, weight, 150, jitter(), from_logits=True)
            compiled(wrapper, keras.optimizers.Adam(2e-3))
            wrapper.fit(mixed_batches(x, y, labelled), steps_per_epoch=500, verbose=0)
            predicted = wrapper.teacher.predict(x_test, verbose=0).argmax(axis=1)
            found.append(np.mean(predicted == y_test))
    assert np.mean(scores[5.0]) > np.mean(scores[0.0]) + 0.01, scores
