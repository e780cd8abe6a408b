"""Dice score against its definition on sets, in plain Python, and scikit-learn's F1."""

import numpy as np
import pytest
from keras import ops
from sklearn.metrics import f1_score

from kerazoo.errors import ConfigError, DataError, UnknownNameError
from kerazoo.metrics import DiceScore

CASES = 60
AVERAGES = ["micro", "macro", None]
SHAPES = [(0, 2, 2), (1, 3, 4), (3, 2, 2), (4, 5)]


def by_definition(true, predicted, weights, classes, average):
    """`true` and `predicted`: sets of (place, class); `weights`: by place; `classes`: counted."""

    def weigh(pairs, label):
        return sum(weights[place] for place, c in pairs if c == label)

    above = [2 * weigh(true & predicted, label) for label in classes]
    below = [weigh(true, label) + weigh(predicted, label) for label in classes]
    if average == "micro":
        return sum(above) / sum(below) if sum(below) else np.nan
    scores = [a / b if b else np.nan for a, b in zip(above, below, strict=True)]
    if average is None:
        return scores
    return np.mean([s for s in scores if s == s]) if any(s == s for s in scores) else np.nan


def value(metric, *batch):
    metric.update_state(*batch)
    return ops.convert_to_numpy(metric.result())


@pytest.mark.parametrize("average", AVERAGES)
def test_is_its_definition_for_one_class_per_element(average):
    """Label and one-hot masks, scores, ignored classes, weights, absent classes, empty batches."""
    for seed in range(CASES):
        rng = np.random.default_rng(seed)
        shape, classes = SHAPES[seed % 4], [2, 4][seed // 4 % 2]
        ignored = [None, 255, 0][rng.integers(3)]
        labels = rng.integers(0, classes if seed % 3 else 1, shape)
        if ignored == 255:
            labels[rng.random(shape) < 0.3] = 255
        scores = rng.integers(0, 3, (*shape, classes)).astype("float32")  # many ties
        said = scores.argmax(axis=-1)
        by_image = bool(rng.integers(2))
        weights = rng.choice([0.0, 0.5, 2.0], shape[:1] if by_image else shape).astype("float32")
        spread = np.broadcast_to(
            weights.reshape(-1, *[1] * (len(shape) - 1)) if by_image else weights, shape
        )
        kept = [place for place in np.ndindex(shape) if labels[place] != ignored]
        expected = by_definition(
            {(place, int(labels[place])) for place in kept},
            {(place, int(said[place])) for place in kept},
            {place: float(spread[place]) for place in kept},
            [c for c in range(classes) if c != ignored],
            average,
        )
        if average is None and ignored == 0:
            expected = [np.nan, *expected]
        y_true = labels[..., None] if seed % 5 == 1 else labels
        if ignored != 255 and seed % 5 == 2:
            y_true = np.eye(classes, dtype="float32")[labels]
        y_pred = said if seed % 2 else scores
        metric = DiceScore(classes, average, ignore_class=ignored)
        got = value(metric, y_true, y_pred, weights)
        np.testing.assert_allclose(got, expected, atol=1e-6, err_msg=f"seed {seed}")


@pytest.mark.parametrize("average", AVERAGES)
def test_is_its_definition_for_several_classes_per_element(average):
    for seed in range(CASES):
        rng = np.random.default_rng(seed)
        shape, classes = SHAPES[seed % 4], [1, 3][seed // 4 % 2]
        labels = rng.random((*shape, classes)) < (0.4 if seed % 5 else 0)
        scores = rng.normal(size=(*shape, classes)).astype("float32")
        weights = rng.choice([0.0, 0.5, 2.0], shape).astype("float32")
        threshold = float(rng.choice([0.0, 0.5, 5.0]))
        expected = by_definition(
            {(place[:-1], place[-1]) for place in np.ndindex(labels.shape) if labels[place]},
            {
                (place[:-1], place[-1])
                for place in np.ndindex(labels.shape)
                if scores[place] > threshold
            },
            {place: float(weights[place]) for place in np.ndindex(shape)},
            range(classes),
            average,
        )
        metric = DiceScore(classes, average, threshold)
        y_true = labels.astype(["bool", "int32", "float32"][seed % 3])
        got = value(metric, y_true, scores, weights)
        np.testing.assert_allclose(got, expected, atol=1e-6, err_msg=f"seed {seed}")


@pytest.mark.parametrize("average", AVERAGES)
def test_is_scikit_learns_f1_of_the_elements(average):
    for seed in range(15):
        rng = np.random.default_rng(seed)
        labels, scores = rng.integers(0, 3, (3, 20)), rng.random((3, 20, 3)).astype("float32")
        weights = rng.random((3, 20)).astype("float32")
        expected = f1_score(
            labels.ravel(),
            scores.argmax(-1).ravel(),
            labels=range(3),
            average=average,
            sample_weight=weights.ravel(),
        )
        got = value(DiceScore(3, average), labels, scores, weights)
        np.testing.assert_allclose(got, expected, atol=1e-6)


def test_an_image_counts_for_its_elements():
    """Over the data set 2 * 8 / 17; the mean of the two images' scores would be 5 / 6."""
    metric = DiceScore(2, average=None)
    metric.update_state([[1] * 7 + [0], [1] + [0] * 7], [[1] * 7 + [0], [1] * 2 + [0] * 6])
    assert float(metric.result()[1]) == pytest.approx(16 / 17)


@pytest.mark.usefixtures("tensorflow_backend")
def test_counting_labels_takes_no_memory_for_each_class():
    """One-hot rows of 16 images of 512 x 512 pixels and 150 classes are 2.5 GB."""
    import tensorflow as tf

    update = tf.function(DiceScore(1000).update_state, autograph=False)
    labels = tf.TensorSpec([2, 8, 8], "int32")
    graph = update.get_concrete_function(labels, labels).graph
    sizes = [t.shape.num_elements() or 0 for op in graph.get_operations() for t in op.outputs]
    assert max(sizes) <= 3 * 2 * 1000  # labels are 2 * 64, counts 2 * 1000 of 3 kinds


def test_arguments_out_of_range():
    for least, threshold in ((1, 0.5), (2, None)):
        with pytest.raises(ConfigError, match=f"`num_classes` must be an integer of {least} or"):
            DiceScore(least - 1, threshold=threshold)
    with pytest.raises(ConfigError, match="`threshold` must be a finite number"):
        DiceScore(2, threshold="0.5")
    with pytest.raises(ConfigError, match="`ignore_class` must be an integer of"):
        DiceScore(2, ignore_class=0.5)
    with pytest.raises(UnknownNameError, match="Did you mean 'macro'"):
        DiceScore(3, average="marco")
    with pytest.raises(ConfigError, match="Give the elements to leave out a `sample_weight` of 0"):
        DiceScore(3, threshold=0.5, ignore_class=0)


@pytest.mark.parametrize(
    ("metric", "y_true", "y_pred", "says"),
    [
        (DiceScore(3), [[1]], [[[0.1, 0.9]]], "must have `num_classes` 3"),
        (DiceScore(2), [[1, 2]], [[[0.1, 0.9]]], "must describe the same elements"),
        (DiceScore(2), [[[1, 0, 0]]], [[[0.1, 0.9]]], "must have `num_classes` 2"),
        (DiceScore(2, threshold=0), [[[1]]], [[[0.1, 0.9]]], "must describe the same elements"),
        (DiceScore(2), 1, 0.9, "`y_pred` must be a batch"),
        (DiceScore(2, threshold=0), 1, 0.9, "`y_pred` must be a batch"),
    ],
)
def test_shapes_that_do_not_fit(metric, y_true, y_pred, says):
    with pytest.raises(DataError, match=says):
        metric.update_state(y_true, np.array(y_pred, "float32"))
