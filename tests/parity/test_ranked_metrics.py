"""The metrics at k and of rankings against torchmetrics and keras-rs, without ties.

Both break ties as they like; masks are tried against torchmetrics on lists without those items.
"""

import numpy as np
import pytest
from keras import ops

from kerazoo.metrics import (
    NDCG,
    FBetaAtK,
    HitRateAtK,
    MeanAveragePrecision,
    MeanReciprocalRank,
    PrecisionAtK,
    RecallAtK,
)

torch = pytest.importorskip("torch")
classification = pytest.importorskip("torchmetrics.functional.classification")
retrieval = pytest.importorskip("torchmetrics.functional.retrieval")
keras_rs = pytest.importorskip("keras_rs")

CASES = 200
SHAPES = [(3, 2), (6, 5), (9, 7), (4, 12)]


def draw(seed, relevant=0.4):
    """(generator, k, multi-hot labels, scores without ties).

    Scores are above 0: torchmetrics takes the others for items that were not retrieved at all.
    """
    rng = np.random.default_rng(seed)
    rows, items = SHAPES[seed % len(SHAPES)]
    labels = (rng.random((rows, items)) < relevant).astype("int64")
    scores = rng.permuted(np.tile(np.linspace(0.1, 2, items), (rows, 1)), axis=1)
    return rng, int(rng.integers(1, items + 1)), labels, scores.astype("float32")


def value(metric, *batch):
    metric.update_state(*batch)
    return ops.convert_to_numpy(metric.result())


def chosen(scores, k):
    """The top k as predicted labels."""
    return (np.argsort(np.argsort(-scores, axis=1), axis=1) < k).astype("int64")


@pytest.mark.parametrize("average", ["micro", "macro", "weighted", None])
@pytest.mark.parametrize(
    ("metric_class", "oracle"),
    [
        (PrecisionAtK, classification.multilabel_precision),
        (RecallAtK, classification.multilabel_recall),
        (FBetaAtK, classification.multilabel_f1_score),
    ],
)
def test_multi_hot_labels_are_those_of_torchmetrics(metric_class, oracle, average):
    for seed in range(60):  # of each average
        _, k, labels, scores = draw(seed)
        predicted = torch.tensor(chosen(scores, k))
        expected = oracle(
            predicted, torch.tensor(labels), num_labels=labels.shape[1], average=average or "none"
        )
        got = value(metric_class(k, average=average), labels, scores)
        np.testing.assert_allclose(got, expected.numpy(), atol=1e-6, err_msg=f"seed {seed}")


@pytest.mark.parametrize("ignored", [None, 1, -1])
def test_class_ids_and_an_ignored_one_are_those_of_torchmetrics(ignored):
    """ "micro": its "macro" leaves out every class without a label, ours the ignored one only."""
    for seed in range(CASES):
        rng, k, labels, scores = draw(seed)
        ids = rng.integers(0, labels.shape[1], len(labels))
        if ignored is not None:
            ids[0] = ignored
        expected = classification.multiclass_recall(
            torch.tensor(scores),
            torch.tensor(ids),
            num_classes=labels.shape[1],
            average="micro",
            top_k=k,
            ignore_index=ignored,
        )
        got = value(RecallAtK(k, ignore_class=ignored), ids, scores)
        assert got == pytest.approx(float(expected), abs=1e-6), seed


def over_queries(oracle, labels, scores, **arguments):
    values = [
        oracle(torch.tensor(row[label >= 0]), torch.tensor(label[label >= 0]), **arguments)
        for row, label in zip(scores, labels, strict=True)
        if (label >= 0).any()
    ]
    return float(np.mean(values)) if values else 0.0


def test_hit_rate_is_that_of_torchmetrics():
    for seed in range(CASES):
        _, k, labels, scores = draw(seed, relevant=0.2)
        expected = over_queries(retrieval.retrieval_hit_rate, labels, scores, top_k=k)
        assert value(HitRateAtK(k), labels, scores) == pytest.approx(expected, abs=1e-6), seed


@pytest.mark.parametrize("masked", [0.0, 0.3])
@pytest.mark.parametrize(
    ("metric_class", "oracle", "graded", "with_k"),
    [
        (MeanReciprocalRank, retrieval.retrieval_reciprocal_rank, False, True),
        # With top_k it divides by the relevant items in the top k; the docstring says so.
        (MeanAveragePrecision, retrieval.retrieval_average_precision, False, False),
        (NDCG, retrieval.retrieval_normalized_dcg, True, True),
    ],
)
def test_rankings_are_those_of_torchmetrics(metric_class, oracle, graded, with_k, masked):
    for seed in range(CASES):
        rng, k, labels, scores = draw(seed)
        labels = labels * rng.integers(1, 4, labels.shape) if graded else labels
        labels = np.where(rng.random(labels.shape) < masked, -1, labels)
        k = k if with_k and seed % 2 else None
        expected = over_queries(oracle, labels, scores, **({"top_k": k} if k else {}))
        assert value(metric_class(k), labels, scores) == pytest.approx(expected, abs=1e-6), seed


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (MeanReciprocalRank, keras_rs.metrics.MeanReciprocalRank),
        (MeanAveragePrecision, keras_rs.metrics.MeanAveragePrecision),
        (lambda k: NDCG(k, gain="exponential"), keras_rs.metrics.NDCG),
        (PrecisionAtK, keras_rs.metrics.PrecisionAtK),
    ],
)
def test_are_those_of_keras_rs(ours, theirs):
    """With weights where every query has a relevant item: it weighs the others by the mean."""
    for seed in range(CASES):
        rng, k, labels, scores = draw(seed)
        weights = None
        if seed % 2:
            labels[:, 0], weights = 1, rng.random(len(labels)).astype("float32")
        expected = value(theirs(k=k), labels, scores, weights)
        assert value(ours(k), labels, scores, weights) == pytest.approx(expected, abs=1e-6), seed
