"""Expected calibration error against its definition, sample by sample in plain Python."""

import math
import re

import numpy as np
import pytest
from scipy.special import softmax

from kerazoo.errors import ConfigError, DataError, UnknownNameError
from kerazoo.metrics import ExpectedCalibrationError

CASES = 60
SAMPLES = [0, 1, 7, 40]  # few shapes: JAX compiles every operation anew for each


def by_definition(confidences, hits, weights, bins, norm):
    """Guo et al. 2017, with weights; bin b holds ((b - 1) / bins, b / bins]."""
    found = [[] for _ in range(bins)]
    for confidence, hit, weight in zip(confidences, hits, weights, strict=True):
        edge = 0
        while edge < bins - 1 and confidence > np.float32((edge + 1) / bins):
            edge += 1
        found[edge].append((float(confidence), float(hit), float(weight)))
    total, gaps = sum(map(float, weights)), []
    for samples in found:
        weight = sum(w for _, _, w in samples)
        if weight > 0:
            confidence = sum(w * c for c, _, w in samples) / weight
            accuracy = sum(w * h for _, h, w in samples) / weight
            gaps.append((weight / total, abs(accuracy - confidence)))
    if norm == "max":
        return max((gap for _, gap in gaps), default=0.0)
    if norm == "l2":
        return math.sqrt(sum(share * gap**2 for share, gap in gaps))
    return sum(share * gap for share, gap in gaps)


def draw(rng, samples, norm):
    """A metric, a batch for it, and what the definition says of that batch."""
    bins = int(rng.choice([1, 4, 15]))
    metric = ExpectedCalibrationError(bins, norm, from_logits=bool(rng.integers(2)))
    logits = rng.normal(0, 2, samples if rng.integers(2) else (samples, 3)).astype("float32")
    if logits.ndim == 1:
        probabilities, labels = 1 / (1 + np.exp(-logits)), rng.integers(0, 2, samples)
        if not metric.from_logits:  # edges too: both ends, and those between bins
            edges = np.float32([0, 0.25, 0.5, 0.75, 1])
            probabilities = np.where(
                rng.random(samples) < 0.5, rng.choice(edges, samples), probabilities
            )
        confidences, hits = probabilities, labels
        if rng.integers(2):
            logits, probabilities = logits[:, None], probabilities[:, None]
        y_true = labels[:, None] if rng.integers(2) else labels
    else:
        probabilities = softmax(logits, axis=-1)
        labels = np.zeros(samples, int) if rng.random() < 0.1 else rng.integers(0, 3, samples)
        confidences, hits = probabilities.max(-1), probabilities.argmax(-1) == labels
        y_true = [labels, labels[:, None], np.eye(3)[labels]][rng.integers(3)]
    weights = rng.choice([0.0, 0.5, 1.0, 3.0], samples).astype("float32")
    batch = [y_true, logits if metric.from_logits else probabilities.astype("float32")]
    if rng.integers(2):
        return metric, (*batch, weights), by_definition(confidences, hits, weights, bins, norm)
    return metric, batch, by_definition(confidences, hits, np.ones(samples), bins, norm)


@pytest.mark.parametrize("norm", ["l1", "l2", "max"])
def test_is_its_definition(norm):
    """Binary and multiclass, logits, all layouts of labels, weights, one class, empty batches."""
    for seed in range(CASES):
        rng = np.random.default_rng(seed)
        metric, batch, expected = draw(rng, SAMPLES[seed % 4], norm)
        metric.update_state(*batch)
        assert float(metric.result()) == pytest.approx(expected, rel=0, abs=1e-6), seed


def test_confidence_on_an_edge_belongs_to_the_bin_below():
    """A half alone in (1/2, 1] would be a bin of its own, and the worst one 0.5."""
    metric = ExpectedCalibrationError(2, "max")
    metric.update_state([1, 0, 1, 1], [0.5, 0.5, 0.75, 1.0])
    assert float(metric.result()) == pytest.approx(0.125)
    metric.reset_state()
    metric.update_state([0, 0], [0.0, 1.0])
    assert float(metric.result()) == 1.0


def test_soft_labels_of_two_classes_count_as_they_are():
    metric = ExpectedCalibrationError(2)
    metric.update_state([0.9, 0.1], [0.75, 0.25])
    assert float(metric.result()) == pytest.approx(0.15)


def test_pixels_are_samples():
    rng = np.random.default_rng(0)
    labels, scores = rng.integers(0, 3, (2, 4, 5)), rng.random((2, 4, 5, 3)).astype("float32")
    image_weights = np.float32([0.5, 2.0])
    pixels, flat = (ExpectedCalibrationError(from_logits=True) for _ in range(2))
    pixels.update_state(labels, scores, image_weights)
    flat.update_state(labels.ravel(), scores.reshape(-1, 3), np.repeat(image_weights, 20))
    assert float(pixels.result()) == pytest.approx(float(flat.result()), abs=1e-7)


def test_arguments_out_of_range():
    for bins in (0, -1, 2.5, True):
        with pytest.raises(ConfigError, match="`bins` must be an integer of 1 or above"):
            ExpectedCalibrationError(bins)
    with pytest.raises(UnknownNameError, match="Did you mean 'max'"):
        ExpectedCalibrationError(norm="maxx")


@pytest.mark.parametrize(
    ("y_true", "y_pred", "weights", "says"),
    [
        ([1, 2], [[0.1, 0.9]], None, "Received: y_true (2,), y_pred (1, 2)"),
        ([[1, 0, 0]], [[0.1, 0.9]], None, "Received: y_true (1, 3), y_pred (1, 2)"),
        (1, 0.9, None, "`y_pred` must be a batch"),
        ([1], [[0.1, 0.9]], [1.0, 2.0], "`sample_weight` must have one weight for each"),
        ([1], [[0.1, 0.9]], [[1.0, 2.0]], "`sample_weight` must have one weight for each"),
    ],
)
def test_shapes_that_do_not_fit(y_true, y_pred, weights, says):
    with pytest.raises(DataError, match=re.escape(says)):
        ExpectedCalibrationError().update_state(y_true, y_pred, weights)
