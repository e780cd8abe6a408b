"""Mean average precision of ranked lists, as trec_eval's `map` and `map_cut` compute it."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from kerazoo.metrics._ranking_metric import RankingMetric, ranks


@keras.saving.register_keras_serializable(package="kerazoo")
class MeanAveragePrecision(RankingMetric):
    """Mean over queries of the average precision: for R relevant items in the list,

        sum over ranks i = 1 .. k of [item i is relevant] * (relevant items in the top i) / i
        / R

    and 0 if there are none. With `k`, R still counts all relevant items, so that a list of more
    than k of them stays below 1; that is the rule of trec_eval (`map_cut`) and keras-rs, while
    torchmetrics divides by the relevant items in the top k. Without `k` all agree.

    Labels (below 0 is masked), scores, weights, ties, queries without a relevant item, `k` and
    errors: as in `MeanReciprocalRank`.

    Source: Buckley, Voorhees 2000, "Evaluating evaluation measure stability", section 2.

    >>> metric = kerazoo.metrics.MeanAveragePrecision()
    >>> metric.update_state([[0, 1, 1, 0]], [[0.1, 0.5, 0.3, 0.4]])
    >>> round(float(metric.result()), 4)  # relevant at ranks 1 and 3: (1 / 1 + 2 / 3) / 2
    0.8333
    """

    def __init__(
        self, k: int | None = None, name: str = "mean_average_precision", dtype: Any = None
    ):
        super().__init__(k, name, dtype)

    def _values(self, relevance: Any, ranked: Any) -> Any:
        found = ops.cast(ranked > 0, "float32")
        precisions = ops.cumsum(found, axis=1) / ranks(ranked)
        relevant = ops.sum(ops.cast(relevance > 0, "float32"), axis=1)
        return ops.divide_no_nan(ops.sum(found * precisions, axis=1), relevant)
