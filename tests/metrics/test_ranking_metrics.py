"""MRR, MAP and NDCG against their definitions and scikit-learn, with ties, masks and weights."""

import math

import keras
import numpy as np
import pytest
from keras import ops
from sklearn.metrics import label_ranking_average_precision_score, ndcg_score

from kerazoo.errors import ConfigError, DataError
from kerazoo.metrics import NDCG, MeanAveragePrecision, MeanReciprocalRank

METRICS = [MeanReciprocalRank, MeanAveragePrecision, NDCG]
CASES = 60
# Few shapes, since JAX compiles every operation anew for each: (queries, items).
SHAPES = [(0, 3), (1, 1), (4, 1), (3, 2), (6, 5), (9, 7)]
TIED_SCORES = [0.0, -0.0, 0.5, 1.0, -2.0, math.inf, -math.inf, math.nan]


def reciprocal_rank(ranked, relevances, metric):
    del relevances, metric
    return next((1 / i for i, relevance in enumerate(ranked, 1) if relevance > 0), 0.0)


def average_precision(ranked, relevances, metric):
    del metric
    precisions = [
        sum(other > 0 for other in ranked[:i]) / i
        for i, relevance in enumerate(ranked, 1)
        if relevance > 0
    ]
    relevant = sum(relevance > 0 for relevance in relevances)
    return sum(precisions) / relevant if relevant else 0.0


def ndcg(ranked, relevances, metric):
    def dcg(grades):
        gains = [2**g - 1 if metric.gain == "exponential" else g for g in grades]
        return sum(gain / math.log2(i + 1) for i, gain in enumerate(gains, 1))

    best = dcg(sorted(relevances, reverse=True)[: len(ranked)])
    return dcg(ranked) / best if best else 0.0


DEFINITIONS = dict(zip(METRICS, [reciprocal_rank, average_precision, ndcg], strict=True))


def by_definition(metric, y_true, y_pred, weights):
    """Masked items are taken out of their lists, and lists that lose all items out of the mean."""
    total = weight_sum = 0.0
    for labels, scores, weight in zip(y_true, y_pred, weights, strict=True):
        items = [
            (-math.inf if math.isnan(score) else float(score), float(label))
            for label, score in zip(labels, scores, strict=True)
            if label >= 0
        ]
        if not items:
            continue
        ranked = [label for _, label in sorted(items, key=lambda item: -item[0])]  # stable
        relevances = [label for _, label in items]
        total += weight * DEFINITIONS[type(metric)](ranked[: metric.k], relevances, metric)
        weight_sum += weight
    return total / weight_sum if weight_sum else 0.0


def draw_metric(metric_class, rng, items):
    arguments = {"k": [None, int(rng.integers(1, items + 1))][rng.integers(2)]}
    if metric_class is NDCG:
        arguments["gain"] = str(rng.choice(["linear", "exponential"]))
    return metric_class(**arguments)


def value(metric, *batch):
    metric.update_state(*batch)
    return float(metric.result())


@pytest.mark.parametrize("metric_class", METRICS)
def test_is_its_definition(metric_class):
    """Ties, NaN, infinities, masks, weights, lists without a relevant item, empty batches."""
    for seed in range(CASES):
        rng = np.random.default_rng(seed)
        shape = SHAPES[seed % len(SHAPES)]
        y_true = rng.choice([-1, 0, 0, 1, 2, 4], shape).astype(rng.choice(["int32", "float32"]))
        y_pred = rng.choice(TIED_SCORES, shape).astype("float32")
        weights = rng.choice([0.0, 0.5, 1.0, 3.0], shape[0]).astype("float32")
        metric = draw_metric(metric_class, rng, shape[1])
        expected = by_definition(metric, y_true, y_pred, weights)
        assert value(metric, y_true, y_pred, weights) == pytest.approx(expected, abs=1e-6), seed


def test_ndcg_is_that_of_scikit_learn():
    for seed in range(CASES):
        rng = np.random.default_rng(seed)
        queries, items = SHAPES[3 + seed % 3]  # scikit-learn refuses a single item
        y_true = rng.integers(0, 5, (queries, items))
        y_pred = rng.permuted(np.tile(np.arange(items), (queries, 1)), axis=1)
        weights = rng.random(queries).astype("float32")
        metric = draw_metric(NDCG, rng, items)
        gains = y_true if metric.gain == "linear" else 2**y_true - 1
        expected = ndcg_score(gains, y_pred, k=metric.k, sample_weight=weights)
        assert value(metric, y_true, y_pred, weights) == pytest.approx(expected, abs=1e-6), seed


def test_map_is_label_ranking_average_precision_of_scikit_learn():
    for seed in range(CASES):
        rng = np.random.default_rng(seed)
        queries, items = SHAPES[3 + seed % 3]
        y_true = rng.integers(0, 2, (queries, items))
        y_true[:, 0] = 1  # scikit-learn gives a list without a relevant item 1, not 0
        y_pred = rng.permuted(np.tile(np.arange(items), (queries, 1)), axis=1)
        weights = rng.random(queries).astype("float32")
        expected = label_ranking_average_precision_score(y_true, y_pred, sample_weight=weights)
        got = value(MeanAveragePrecision(), y_true, y_pred, weights)
        assert got == pytest.approx(expected, abs=1e-6), seed


@pytest.mark.parametrize("metric_class", METRICS)
def test_one_batch_or_twenty_unequal_ones(metric_class):
    rng = np.random.default_rng(0)
    sizes = rng.integers(0, 6, 20)  # some empty
    y_true = rng.integers(-1, 3, (sizes.sum(), 7))
    y_pred = rng.integers(0, 4, (sizes.sum(), 7)).astype("float32")
    weights = rng.random(sizes.sum()).astype("float32")
    twenty = metric_class(5)
    for part in np.split(np.arange(sizes.sum()), np.cumsum(sizes)[:-1]):
        twenty.update_state(y_true[part], y_pred[part], weights[part])
    one = value(metric_class(5), y_true, y_pred, weights)
    assert float(twenty.result()) == pytest.approx(one, rel=1e-5)
    assert [tuple(v.shape) for v in twenty.variables] == [(2, 2)]


@pytest.mark.parametrize("metric_class", METRICS)
def test_padding_changes_nothing(metric_class):
    """Whatever the scores of the padding, in front, behind, or as whole lists."""
    rng = np.random.default_rng(0)
    y_true, y_pred = rng.integers(0, 3, (6, 4)), rng.integers(-3, 3, (6, 4)).astype("float32")
    plain = value(metric_class(3), y_true, y_pred)
    for padding in (-math.inf, -9.0, 9.0, math.inf, math.nan):
        for widths in ([(0, 0), (2, 0)], [(0, 0), (0, 3)], [(1, 2), (1, 1)]):
            padded = value(
                metric_class(3),
                np.pad(y_true, widths, constant_values=-1),
                np.pad(y_pred, widths, constant_values=padding),
            )
            assert padded == pytest.approx(plain, abs=1e-7), (padding, widths)


@pytest.mark.parametrize("metric_class", METRICS)
def test_lists_without_a_relevant_item_count_as_0_and_those_without_items_not_at_all(metric_class):
    y_true, y_pred = [[1, 0], [0, 0], [-1, -1]], [[0.9, 0.1]] * 3
    assert value(metric_class(), y_true, y_pred) == pytest.approx(1 / 2)
    assert value(metric_class(), y_true, y_pred, [[1.0], [3.0], [9.0]]) == pytest.approx(1 / 4)


@pytest.mark.parametrize("metric_class", METRICS)
def test_before_any_data_and_after_a_reset(metric_class):
    metric = metric_class()
    assert float(metric.result()) == 0
    assert value(metric, [[0, 1]], [[0.1, 0.2]]) == pytest.approx(1.0)
    metric.reset_state()
    assert float(metric.result()) == 0
    assert value(metric, [[0, 0]], [[0.1, 0.2]]) == 0


@pytest.mark.parametrize("metric_class", METRICS)
def test_config_holds_every_argument(metric_class):
    extra = {"gain": "exponential"} if metric_class is NDCG else {}
    arguments = {"k": 3, "name": "mine", **extra}
    metric = metric_class(**arguments, dtype="float64")
    config = keras.saving.serialize_keras_object(metric)
    again = keras.saving.deserialize_keras_object(config, safe_mode=True)
    assert type(again) is metric_class
    assert again.get_config() == {**arguments, "dtype": "float64"}


@pytest.mark.parametrize("metric_class", METRICS)
def test_k_out_of_range(metric_class):
    for k in (0, -1, 2.0, True, "3"):
        with pytest.raises(ConfigError, match="`k` must be an integer of 1 or above. Received: "):
            metric_class(k)


def test_an_unknown_gain():
    with pytest.raises(ValueError, match="Unknown gain 'linaer'. Did you mean 'linear'"):
        NDCG(gain="linaer")


@pytest.mark.parametrize("metric_class", METRICS)
@pytest.mark.parametrize(
    ("y_true", "y_pred", "weights", "message"),
    [
        ((4, 2), (4, 2), None, "`k` must not exceed the number of items. Received: k=3, 2 items"),
        ((4, 3), (4, 5), None, "`y_true` and `y_pred` must both be (queries, items)"),
        ((4, 5), (3, 5), None, "`y_true` and `y_pred` must both be (queries, items)"),
        ((4,), (4,), None, "`y_true` and `y_pred` must both be (queries, items)"),
        ((4, 0), (4, 0), None, "`y_true` and `y_pred` must both be (queries, items)"),
        ((4, 5), (4, 5), (5,), "`sample_weight` must have one weight for each sample"),
        ((4, 5), (4, 5), (4, 5), "`sample_weight` must have one weight for each sample"),
    ],
)
def test_data_that_does_not_fit(metric_class, y_true, y_pred, weights, message):
    weights = None if weights is None else np.ones(weights, "float32")
    with pytest.raises(DataError) as error:
        metric_class(3).update_state(np.zeros(y_true, "int32"), np.zeros(y_pred, "f4"), weights)
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


def test_half_precision_scores_and_labels():
    rng = np.random.default_rng(0)
    y_true, y_pred = rng.integers(0, 3, (6, 5)), rng.normal(size=(6, 5))
    for dtype in ("float16", "bfloat16"):
        scores = ops.cast(y_pred.astype("float32"), dtype)
        labels = ops.cast(y_true, dtype)
        exact = ops.convert_to_numpy(ops.cast(scores, "float32"))
        for metric_class in METRICS:
            got = value(metric_class(), labels, scores)
            assert got == pytest.approx(value(metric_class(), y_true, exact), abs=1e-7)
