"""Brier score against plain Python and scikit-learn."""

import numpy as np
import pytest
from scipy.special import expit, softmax
from sklearn.metrics import brier_score_loss

from kerazoo.errors import DataError
from kerazoo.metrics import BrierScore

CASES = 60
SAMPLES = [0, 1, 7, 40]


def by_scikit_learn(labels, probabilities, weights):
    """Which refuses empty batches and weights of zero alone: both are 0.0 by definition."""
    if not np.any(weights):
        return 0.0
    classes = range(probabilities.shape[1]) if probabilities.ndim == 2 else [0, 1]
    return brier_score_loss(labels, probabilities, sample_weight=weights, labels=classes)


def test_is_that_of_scikit_learn_for_two_classes():
    for seed in range(CASES):
        rng = np.random.default_rng(seed)
        samples = SAMPLES[seed % 4]
        labels = np.full(samples, seed % 2) if seed % 7 == 0 else rng.integers(0, 2, samples)
        logits = rng.normal(0, 3, samples)
        weights = rng.choice([0.0, 0.25, 1.0, 3.0], samples)
        probabilities = expit(logits)
        expected = by_scikit_learn(labels, probabilities, weights)
        metric = BrierScore(from_logits=bool(seed % 2))
        scores = logits if metric.from_logits else probabilities
        metric.update_state(labels, scores[:, None] if seed // 2 % 2 else scores, weights)
        assert float(metric.result()) == pytest.approx(expected, abs=1e-6), seed


def test_is_that_of_scikit_learn_for_several_classes():
    for seed in range(CASES):
        rng = np.random.default_rng(seed)
        samples, classes = SAMPLES[seed % 4], [2, 3, 5][seed % 3]
        labels = np.zeros(samples, int) if seed % 7 == 0 else rng.integers(0, classes, samples)
        logits = rng.normal(0, 3, (samples, classes))
        weights = rng.choice([0.0, 0.25, 1.0, 3.0], samples)
        probabilities = softmax(logits, axis=-1)
        expected = by_scikit_learn(labels, probabilities, weights)
        expected *= 2 if classes == 2 else 1  # scikit-learn halves Brier's sum of two classes
        metric = BrierScore(from_logits=bool(seed % 2))
        y_true = [labels, labels[:, None], np.eye(classes)[labels]][seed // 2 % 3]
        metric.update_state(y_true, logits if metric.from_logits else probabilities, weights)
        assert float(metric.result()) == pytest.approx(expected, abs=1e-6), seed


def test_one_probability_counts_half_of_two():
    rng = np.random.default_rng(0)
    labels, probabilities = rng.integers(0, 2, 20), rng.random(20).astype("float32")
    one, two = BrierScore(), BrierScore()
    one.update_state(labels, probabilities)
    two.update_state(labels, np.stack([1 - probabilities, probabilities], axis=-1))
    expected = sum((p - y) ** 2 for p, y in zip(probabilities, labels, strict=True)) / 20
    assert float(one.result()) == pytest.approx(expected, abs=1e-6)
    assert float(two.result()) == pytest.approx(2 * expected, abs=1e-6)


def test_empty_batches_and_weights_of_zero_change_nothing():
    metric = BrierScore()
    assert float(metric.result()) == 0.0
    metric.update_state([1], [0.5])
    metric.update_state(np.zeros(0, int), np.zeros(0, "float32"))
    metric.update_state([1, 0], [0.9, 0.8], [0.0, 0.0])
    assert float(metric.result()) == 0.25


def test_soft_labels_of_two_classes_count_as_they_are():
    metric = BrierScore()
    metric.update_state([0.9, 0.1], [0.7, 0.2])
    assert float(metric.result()) == pytest.approx((0.2**2 + 0.1**2) / 2)


def test_shapes_that_do_not_fit():
    with pytest.raises(DataError, match="`y_true` must hold one label for each prediction"):
        BrierScore().update_state([[1, 2, 0]], [[0.5, 0.5]])
    with pytest.raises(DataError, match=r"`y_pred` must be a batch, .*Received: shape \(\)"):
        BrierScore().update_state(1, 0.5)
