"""Token accuracy against its definition, batch by batch."""

import keras
import numpy as np
import pytest

from kerazoo.errors import ConfigError, DataError
from kerazoo.metrics import TokenAccuracy


@pytest.mark.parametrize("ignore_class", [None, 0, 2])
@pytest.mark.parametrize("weights", [None, "samples", "steps"])
def test_is_the_share_of_what_counts(ignore_class, weights):
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, (12, 5))
    scores = rng.normal(size=(12, 5, 4)).astype("float32")
    weight = {
        None: np.ones((12, 5)),
        "samples": np.repeat(rng.random((12, 1)), 5, axis=1),
        "steps": rng.random((12, 5)),
    }[weights]
    metric = TokenAccuracy(ignore_class)
    right = total = 0.0
    for rows in (slice(0, 1), slice(1, 4), slice(4, 12)):
        given = {None: None, "samples": weight[rows, 0], "steps": weight[rows]}[weights]
        metric.update_state(labels[rows], scores[rows], given)
        for sample in range(rows.start, rows.stop):
            for step in range(5):
                if labels[sample, step] != ignore_class:
                    is_right = max(range(4), key=lambda c, s=sample, t=step: scores[s, t, c])
                    right += weight[sample, step] * (is_right == labels[sample, step])
                    total += weight[sample, step]
        assert float(metric.result()) == pytest.approx(right / total, rel=1e-5)


def test_each_step_counts_alike_in_batches_of_any_length():
    metric = TokenAccuracy(ignore_class=0)
    metric.update_state([[1, 1, 1, 1]], np.tile([0.0, 1.0, 0.0], (1, 4, 1)))
    metric.update_state([[2, 0]], np.tile([0.0, 1.0, 0.0], (1, 2, 1)))
    assert float(metric.result()) == pytest.approx(4 / 5)


def test_what_a_keras_mask_hides_does_not_count():
    numbers = keras.Input((None,), dtype="int32")
    embedding = keras.layers.Embedding(4, 4, mask_zero=True)
    scores = embedding(numbers)
    embedding.set_weights([np.eye(4, k=-1)])
    model = keras.Model(numbers, scores)
    metrics = [TokenAccuracy(), keras.metrics.SparseCategoricalAccuracy()]
    model.compile(loss="sparse_categorical_crossentropy", metrics=metrics, run_eagerly=True)
    rng = np.random.default_rng(0)
    inputs, labels = rng.integers(0, 4, (2, 6, 5))
    measured = model.evaluate(inputs, labels, verbose=0, return_dict=True)
    assert measured["token_accuracy"] == pytest.approx(measured["sparse_categorical_accuracy"])
    right = keras.ops.convert_to_numpy(model(inputs)).argmax(axis=-1) == labels
    assert measured["token_accuracy"] == pytest.approx(right[inputs > 0].mean())
    assert measured["token_accuracy"] != pytest.approx(right.mean())


def test_labels_and_weights_may_be_columns():
    metric = TokenAccuracy()
    metric.update_state([[0], [1], [1]], np.eye(3)[[0, 1, 2]], [[1.0], [2.0], [5.0]])
    assert float(metric.result()) == pytest.approx(3 / 8)


@pytest.mark.parametrize("shape", [(2, 1), (3,), (2, 3, 3), (2, 4)])
def test_labels_that_do_not_fit_are_refused(shape):
    metric = TokenAccuracy()
    with pytest.raises(DataError, match=rf"\(2, 3\)\. Received: shape \({shape[0]},"):
        metric.update_state(np.ones(shape, "int32"), np.ones((2, 3, 3), "float32"))


def test_a_single_number_is_no_batch():
    with pytest.raises(DataError, match="`y_pred` must be a batch"):
        TokenAccuracy().update_state(1, 0.5)


def test_nothing_that_counts_is_zero():
    metric = TokenAccuracy(ignore_class=0)
    metric.update_state(np.zeros((2, 3), "int32"), np.ones((2, 3, 4), "float32"))
    assert float(metric.result()) == 0.0


def test_config_has_every_argument():
    metric = TokenAccuracy(ignore_class=3, name="mine")
    again = keras.metrics.deserialize(keras.metrics.serialize(metric))
    assert again.get_config() == metric.get_config()


def test_a_class_below_zero_is_refused():
    with pytest.raises(ConfigError, match="`ignore_class`"):
        TokenAccuracy(-1)
