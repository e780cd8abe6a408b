"""Precision, recall, F-beta and hit rate at k against their definitions, scikit-learn and Keras."""

import math

import keras
import numpy as np
import pytest
from keras import ops
from sklearn.metrics import precision_recall_fscore_support, top_k_accuracy_score

from kerazoo.errors import ConfigError, DataError
from kerazoo.metrics import FBetaAtK, HitRateAtK, PrecisionAtK, RecallAtK

METRICS = [PrecisionAtK, RecallAtK, FBetaAtK, HitRateAtK]
AVERAGES = ["micro", "macro", "weighted", None]
CASES = 60
# Few shapes, since JAX compiles every operation anew for each: (samples, classes).
SHAPES = [(0, 3), (1, 1), (4, 1), (3, 2), (6, 5), (9, 7)]
TIED_SCORES = [0.0, -0.0, 0.5, 1.0, -2.0, math.inf, -math.inf, math.nan]


def ranked(scores, k):
    """Positions of the k highest, the first of equals first; NaN as the lowest number."""
    keys = [-math.inf if math.isnan(score) else score for score in scores]
    return sorted(range(len(keys)), key=lambda i: (-keys[i], i))[:k]


def share(metric, hit, relevant, chosen):
    """What a sample of weight 1 adds to the numerator and the denominator of a class."""
    if isinstance(metric, PrecisionAtK):
        return relevant and chosen, chosen
    if isinstance(metric, RecallAtK):
        return relevant and chosen, relevant
    if isinstance(metric, HitRateAtK):
        return hit and relevant, relevant
    square = metric.beta**2
    return (1 + square) * (relevant and chosen), chosen + square * relevant


def by_definition(metric, labels, scores, weights):
    """Sample by sample in plain Python; `labels` holds the set of relevant classes of each."""
    classes = scores.shape[1]
    above, below, support = ([0.0] * classes for _ in range(3))
    hits = total = 0.0
    for relevant, row, weight in zip(labels, scores, weights, strict=True):
        if metric.ignore_class in relevant:
            continue
        top = ranked(row, metric.k)
        hit = any(c in relevant for c in top)
        hits, total = hits + weight * hit, total + weight
        for c in range(classes):
            a, b = share(metric, hit, c in relevant, c in top)
            above[c] += weight * a
            below[c] += weight * b
            support[c] += weight * (c in relevant)
    if metric.average == "micro":
        by_samples = isinstance(metric, HitRateAtK)
        return divide(hits, total) if by_samples else divide(sum(above), sum(below))
    values = [divide(a, b) for a, b in zip(above, below, strict=True)]
    if metric.average == "macro":
        kept = [value for c, value in enumerate(values) if c != metric.ignore_class]
        return divide(sum(kept), len(kept))
    if metric.average == "weighted":
        return divide(sum(v * s for v, s in zip(values, support, strict=True)), sum(support))
    return values


def divide(a, b):
    return a / b if b else 0.0


def draw_labels(rng, samples, classes):
    """`y_true` in one of four layouts, and the set of relevant classes of each sample."""
    layout = rng.choice(["ids", "column", "one-hot", "multi-hot"])
    if layout == "multi-hot" or (classes == 1 and layout == "column"):
        rows = rng.random((samples, classes)) < 0.4
        dtype = rng.choice(["int32", "float32", "bool"])
        return rows.astype(dtype), [{*np.flatnonzero(row)} for row in rows]
    if layout == "one-hot":
        ids = rng.integers(0, classes, samples)
        return np.eye(classes, dtype="float32")[ids], [{i} for i in ids]
    ids = rng.integers(-1, classes + 1, samples)  # one too low and one too high among them
    y_true = ids[:, None] if layout == "column" else ids
    return y_true.astype(rng.choice(["int32", "int64", "float32"])), [{int(i)} for i in ids]


def draw_metric(metric_class, rng, classes, **arguments):
    if metric_class is FBetaAtK:
        arguments["beta"] = float(rng.choice([0.5, 1.0, 2.0]))
    return metric_class(k=int(rng.integers(1, classes + 1)), **arguments)


def value(metric, *batch):
    metric.update_state(*batch)
    return ops.convert_to_numpy(metric.result())


@pytest.mark.parametrize("metric_class", METRICS)
def test_is_its_definition(metric_class):
    """Ties, NaN, infinities, weights, ignored classes, all label layouts, empty batches."""
    for seed in range(CASES):
        rng = np.random.default_rng(seed)
        samples, classes = SHAPES[seed % len(SHAPES)]
        y_true, labels = draw_labels(rng, samples, classes)
        scores = rng.choice(TIED_SCORES, (samples, classes)).astype("float32")
        weights = rng.choice([0.0, 0.5, 1.0, 3.0], samples).astype("float32")
        metric = draw_metric(
            metric_class,
            rng,
            classes,
            average=AVERAGES[rng.integers(4)],
            ignore_class=[None, -1, 0, classes - 1][rng.integers(4)],
        )
        expected = by_definition(metric, labels, scores, weights)
        got = value(metric, y_true, scores, weights)
        np.testing.assert_allclose(got, expected, atol=1e-6, err_msg=f"seed {seed}")


@pytest.mark.parametrize("average", AVERAGES)
@pytest.mark.parametrize("number", [0, 1, 2])
def test_is_that_of_scikit_learn(average, number):
    """Of the top k as predicted labels: precision, recall, F-beta of multi-hot rows."""
    metric_class = METRICS[number]
    for seed in range(15):
        rng = np.random.default_rng(seed)
        samples, classes = SHAPES[3 + seed % 3]  # scikit-learn takes one column for two classes
        rows = (rng.random((samples, classes)) < 0.4).astype("int32")
        scores = rng.permuted(np.tile(np.arange(classes), (samples, 1)), axis=1)
        weights = rng.random(samples).astype("float32")
        metric = draw_metric(metric_class, rng, classes, average=average)
        expected = precision_recall_fscore_support(
            rows,
            scores >= classes - metric.k,
            beta=getattr(metric, "beta", 1.0),
            average=average,
            sample_weight=weights,
            zero_division=0,
        )[number]
        got = value(metric, rows, scores, weights)
        np.testing.assert_allclose(got, expected, atol=1e-6, err_msg=f"seed {seed}")


@pytest.mark.parametrize("metric_class", [HitRateAtK, RecallAtK])
def test_is_top_k_accuracy_of_scikit_learn_for_class_ids(metric_class):
    for seed in range(CASES):
        rng = np.random.default_rng(seed)
        samples, classes = SHAPES[4 + seed % 2]
        ids = rng.integers(0, classes, samples)
        scores = rng.permuted(np.tile(np.arange(classes), (samples, 1)), axis=1)
        weights = rng.random(samples).astype("float32")
        metric = draw_metric(metric_class, rng, classes - 1)
        expected = top_k_accuracy_score(
            ids, scores, k=metric.k, labels=np.arange(classes), sample_weight=weights
        )
        assert value(metric, ids, scores, weights) == pytest.approx(expected, abs=1e-6), seed


@pytest.mark.parametrize(
    ("metric_class", "keras_class"),
    [(PrecisionAtK, keras.metrics.Precision), (RecallAtK, keras.metrics.Recall)],
)
def test_is_that_of_keras_per_class_and_in_all(metric_class, keras_class):
    for seed in range(CASES):
        rng = np.random.default_rng(seed)
        samples, classes = SHAPES[3 + seed % 3]
        rows = (rng.random((samples, classes)) < 0.4).astype("float32")
        scores = rng.permuted(np.tile(np.linspace(0, 1, classes), (samples, 1)), axis=1)
        weights = rng.random(samples).astype("float32")
        k, c = int(rng.integers(1, classes + 1)), int(rng.integers(classes))
        if seed % 2:
            got = value(metric_class(k), rows, scores, weights)
            expected = value(keras_class(top_k=k), rows, scores, weights)
        else:
            got = value(metric_class(k, average=None), rows, scores, weights)[c]
            expected = value(keras_class(top_k=k, class_id=c), rows, scores, weights)
        assert got == pytest.approx(expected, abs=1e-6), seed


@pytest.mark.parametrize("average", ["micro", "weighted"])  # "weighted" has all sums of the others
@pytest.mark.parametrize("metric_class", METRICS)
def test_one_batch_or_twenty_unequal_ones(metric_class, average):
    rng = np.random.default_rng(0)
    sizes = rng.integers(0, 6, 20)  # some empty
    ids = rng.integers(0, 7, sizes.sum())
    scores = rng.integers(0, 4, (sizes.sum(), 7)).astype("float32")
    weights = rng.random(sizes.sum()).astype("float32")
    one, twenty = metric_class(3, average=average), metric_class(3, average=average)
    for part in np.split(np.arange(sizes.sum()), np.cumsum(sizes)[:-1]):
        twenty.update_state(ids[part], scores[part], weights[part])
    got = ops.convert_to_numpy(twenty.result())
    np.testing.assert_allclose(got, value(one, ids, scores, weights), rtol=1e-5)
    assert [v.shape for v in twenty.variables] == [v.shape for v in one.variables]
    assert len(twenty.variables) == 1


@pytest.mark.parametrize("metric_class", METRICS)
def test_class_ids_mean_what_their_one_hot_rows_mean(metric_class):
    rng = np.random.default_rng(0)
    ids, scores = rng.integers(-1, 6, 30), rng.integers(0, 3, (30, 5)).astype("float32")
    rows = (ids[:, None] == np.arange(5)).astype("float32")  # zeros for -1 and 5
    for average in AVERAGES:
        from_ids = value(metric_class(2, average=average, ignore_class=3), ids, scores)
        from_rows = value(metric_class(2, average=average, ignore_class=3), rows, scores)
        np.testing.assert_allclose(from_ids, from_rows, atol=1e-7)


def test_an_ignored_class_is_left_out_as_a_label_and_stays_a_wrong_answer():
    scores = [[0.9, 0.1, 0.0], [0.9, 0.1, 0.0], [0.1, 0.9, 0.0]]
    metric = PrecisionAtK(1, ignore_class=0)
    assert value(metric, [0, 1, 1], scores) == pytest.approx(1 / 2)
    metric = RecallAtK(1, average="macro", ignore_class=0)
    assert value(metric, [0, 1, 1], scores) == pytest.approx((1 / 2 + 0) / 2)  # classes 1 and 2


def test_with_a_single_class_a_column_is_a_row_and_a_vector_holds_ids():
    scores = [[0.3], [0.2]]
    assert value(PrecisionAtK(1), [[1], [0]], scores) == pytest.approx(0.5)
    assert value(PrecisionAtK(1), [1, 0], scores) == pytest.approx(0.5)  # 1 is no class here
    assert value(RecallAtK(1), [0, 0], scores) == pytest.approx(1.0)


def test_weights_may_come_as_a_column_or_as_one_number():
    ids, scores = [0, 1, 1], [[0.6, 0.4], [0.7, 0.3], [0.2, 0.8]]
    expected = value(PrecisionAtK(1), ids, scores, [1.0, 2.0, 0.5])
    assert expected == pytest.approx(1.5 / 3.5)
    assert value(PrecisionAtK(1), ids, scores, [[1.0], [2.0], [0.5]]) == pytest.approx(expected)
    assert value(PrecisionAtK(1), ids, scores, 3.0) == pytest.approx(2 / 3)


@pytest.mark.parametrize("metric_class", METRICS)
def test_before_any_data_and_after_a_reset(metric_class):
    for average in AVERAGES:
        metric = metric_class(1, average=average)
        assert not np.any(ops.convert_to_numpy(metric.result()))
        first = value(metric, [0, 1], [[0.6, 0.4], [0.3, 0.7]])
        assert first.shape == ((2,) if average is None else ())
        assert np.all(first > 0)
        metric.reset_state()
        assert not np.any(ops.convert_to_numpy(metric.result()))
        np.testing.assert_allclose(value(metric, [0, 1], [[0.6, 0.4], [0.3, 0.7]]), first)


@pytest.mark.parametrize("metric_class", METRICS)
def test_config_holds_every_argument(metric_class):
    extra = {"beta": 0.5} if metric_class is FBetaAtK else {}
    arguments = {"k": 3, "average": None, "ignore_class": 255, "name": "mine", **extra}
    metric = metric_class(**arguments, dtype="float64")
    config = keras.saving.serialize_keras_object(metric)
    again = keras.saving.deserialize_keras_object(config, safe_mode=True)
    assert type(again) is metric_class
    assert again.get_config() == {**arguments, "dtype": "float64"}


@pytest.mark.parametrize("metric_class", METRICS)
def test_arguments_out_of_range(metric_class):
    for k in (0, -1, 2.0, True, None, "3"):
        with pytest.raises(ConfigError, match="`k` must be an integer of 1 or above. Received: "):
            metric_class(k)
    with pytest.raises(ValueError, match="Unknown average 'mikro'. Did you mean 'micro'"):
        metric_class(1, average="mikro")
    with pytest.raises(ConfigError, match="`ignore_class` must be an integer of"):
        metric_class(1, ignore_class="void")


@pytest.mark.parametrize("beta", [0, -1.0, math.inf, math.nan, "1"])
def test_beta_out_of_range(beta):
    with pytest.raises(ConfigError, match="`beta` must be a finite number above 0. Received: "):
        FBetaAtK(1, beta=beta)


@pytest.mark.parametrize("metric_class", METRICS)
@pytest.mark.parametrize(
    ("y_true", "y_pred", "weights", "message"),
    [
        ((4,), (4, 2), None, "`k` must not exceed the number of classes. Received: k=3, 2 classes"),
        ((4,), (4,), None, "`y_pred` must be scores, (batch, classes)"),
        ((4, 5), (4, 5, 6), None, "`y_pred` must be scores, (batch, classes)"),
        ((4,), (5, 6), None, "`y_true` and `y_pred` must have one row for each sample"),
        ((), (5, 6), None, "`y_true` and `y_pred` must have one row for each sample"),
        ((4, 5), (4, 6), None, "`y_true` must hold class ids, (batch,) or (batch, 1), or rows"),
        ((4,), (4, 6), (5,), "`sample_weight` must have one weight for each sample"),
        ((4,), (4, 6), (4, 6), "`sample_weight` must have one weight for each sample"),
    ],
)
def test_data_that_does_not_fit(metric_class, y_true, y_pred, weights, message):
    weights = None if weights is None else np.ones(weights, "float32")
    with pytest.raises(DataError) as error:
        metric_class(3).update_state(np.zeros(y_true, "int32"), np.zeros(y_pred, "f4"), weights)
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


def test_the_number_of_classes_must_stay():
    metric = PrecisionAtK(1, average=None)
    metric.update_state([0], [[0.1, 0.9]])
    with pytest.raises(DataError, match="keep its number of classes. Received: 3, after 2"):
        metric.update_state([0], [[0.1, 0.9, 0.0]])
