"""Averaged weights, best epochs, early stopping and event files, against Keras and TensorFlow."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from kerazoo.training import callbacks


def small_model():
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3), keras.layers.Dense(1)])
    optimizer = keras.optimizers.SGD(0.05, use_ema=True, ema_momentum=0.8)
    model.compile(optimizer, "mse")
    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, 4)).astype("float32")
    return model, x, x @ rng.normal(size=(4, 1)).astype("float32")


def test_validation_sees_the_average_and_training_does_not():
    model, x, y = small_model()
    averages = [weight.numpy() for weight in model.trainable_variables]

    class ByHand(keras.callbacks.Callback):
        """The recurrence average = 0.8 * average + 0.2 * weight, started at the first weights."""

        steps = 0

        def on_train_batch_end(self, batch, logs=None):
            for number, weight in enumerate(model.trainable_variables):
                share = 0.2 if self.steps else 1.0
                averages[number] = (1 - share) * averages[number] + share * weight.numpy()
            self.steps += 1

    history = model.fit(
        *(x, y),
        epochs=1,
        batch_size=8,
        shuffle=False,
        validation_data=(x, y),
        callbacks=[ByHand(), callbacks.EvaluateAveragedWeights()],
        verbose=0,
    ).history
    hidden = x @ averages[0] + averages[1]
    expected = np.mean((hidden @ averages[2] + averages[3] - y) ** 2)
    assert history["val_loss"][0] == pytest.approx(expected, rel=1e-5)


def test_weights_return_exactly_after_validation():
    model, x, y = small_model()
    model.fit(x, y, verbose=0)  # ends with the average put into the weights
    model.train_on_batch(x, y)
    before = [weight.numpy() for weight in model.trainable_variables]
    swap = callbacks.EvaluateAveragedWeights()
    swap.set_model(model)
    swap.on_test_begin()
    changed = [weight.numpy() for weight in model.trainable_variables]
    swap.on_test_end()
    assert any((a != b).any() for a, b in zip(before, changed, strict=True))
    for value, weight in zip(before, model.trainable_variables, strict=True):
        np.testing.assert_array_equal(value, weight.numpy())


@given(
    values=st.lists(st.integers(0, 5).map(float), min_size=1, max_size=12),
    patience=st.integers(1, 4),
    monitor=st.sampled_from(["val_loss", "val_accuracy"]),
)
def test_early_stopping_agrees_with_keras(values, patience, monitor):
    mode = "min" if monitor == "val_loss" else "max"
    theirs = keras.callbacks.EarlyStopping(monitor, patience=patience, mode=mode)
    ours = callbacks.StopEarly(monitor, patience, {})
    stops = []
    for callback in (theirs, ours):
        model = keras.Sequential()
        model.compile("sgd", "mse", metrics=["accuracy"])
        model.stop_training = False
        callback.set_model(model)
        callback.on_train_begin()
        for epoch, value in enumerate(values):
            callback.on_epoch_end(epoch, {monitor: value})
            if model.stop_training:
                break
        stops.append(epoch)
    assert stops[0] == stops[1]
    resumed = callbacks.StopEarly(monitor, patience, {monitor: values[: stops[0]]})
    resumed.set_model(model)
    stopped, model.stop_training = model.stop_training, False
    resumed.on_epoch_end(stops[0], {monitor: values[stops[0]]})
    assert model.stop_training == stopped


@given(st.lists(st.integers(0, 5).map(float), min_size=1))
def test_best_epoch_is_the_first_of_the_best(values):
    history = {"val_loss": values, "val_accuracy": values}
    assert callbacks.best_epoch(history, "val_loss") == values.index(min(values))
    assert callbacks.best_epoch(history, "val_accuracy") == values.index(max(values))
    assert callbacks.best_epoch(history, "absent") == len(values) - 1


def test_events_are_read_by_tensorflow(tmp_path):
    writer = callbacks.WriteEvents(tmp_path)
    writer.on_epoch_end(0, {"loss": 0.5, "accuracy": 0.25})
    writer.on_train_end()
    (file,) = tmp_path.iterdir()
    events = list(tf.compat.v1.train.summary_iterator(str(file)))
    values = {v.tag: (e.step, v.simple_value) for e in events for v in e.summary.value}
    assert values == {"loss": (1, 0.5), "accuracy": (1, 0.25)}


@pytest.mark.parametrize("name", ["val_brier_score", "val_mae", "val_word_error_rate"])
def test_what_is_better_small(name):
    assert callbacks.best_epoch({name: [3.0, 1.0, 2.0]}, name) == 1


def test_crossentropies_fall_and_nan_is_worst():
    name = "val_sparse_categorical_crossentropy"
    assert callbacks.best_epoch({name: [3.0, 1.0, 2.0]}, name) == 1
    assert (
        callbacks.best_epoch({"val_false_positives": [3.0, 1.0, 2.0]}, "val_false_positives") == 1
    )
    assert callbacks.best_epoch({"val_loss": [float("nan"), 2.0, float("nan")]}, "val_loss") == 1


def test_speed_counts_steps_and_not_calls(monkeypatch):
    now = iter([0.0, 1.0, 2.0])
    monkeypatch.setattr(callbacks.time, "perf_counter", lambda: next(now))
    speed, logs = callbacks.MeasureSpeed(samples=80), {}
    speed.set_params({"steps": 8})
    speed.on_epoch_begin(0)
    for first, last in ((0, 3), (4, 7)):  # four steps in each call of TensorFlow
        speed.on_train_batch_begin(first)
        speed.on_train_batch_end(last)
    speed.on_epoch_end(0, logs)
    assert logs == {"samples_per_second": 40.0}
