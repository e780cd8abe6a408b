"""Mean reciprocal rank (Voorhees 1999, "The TREC-8 question answering track report")."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from kerazoo.metrics._ranking_metric import RankingMetric, ranks


@keras.saving.register_keras_serializable(package="kerazoo")
class MeanReciprocalRank(RankingMetric):
    """Mean over queries of 1 / (rank of the first relevant item); 0 if none is in the top k.

    - `y_true`: relevance, `(queries, items)`; above 0 is relevant, 0 is not, and an item below 0 is
      masked: it has no rank at all, as if it were not in the list. So pad short lists with -1.
    - `y_pred`: scores, `(queries, items)`, compared as float32; the highest has rank 1. Equal
      scores rank by position, first item first, on every backend; NaN ranks as the lowest number.
    - `sample_weight`: `(queries,)` or `(queries, 1)`, 0 or more.

    A query without a relevant item counts, with the value 0; one whose items are all masked is left
    out. The state is two sums, exact for counts beyond float32's 2 ** 24.

    Args:
        k: only the k best-scored items are looked at, 1 to the number of items; None for all.
        name, dtype: as for every Keras metric.

    Raises: ConfigError if `k` is no integer above 0. `update_state` raises DataError if the shapes
        do not fit or `k` exceeds the number of items, while tracing too.

    >>> metric = kerazoo.metrics.MeanReciprocalRank()
    >>> metric.update_state([[0, 1, 0], [1, 0, -1]], [[0.5, 0.3, 0.1], [0.5, 0.3, 0.9]])
    >>> float(metric.result())  # (1 / 2 + 1) / 2: the third item of the second query is masked
    0.75
    """

    def __init__(self, k: int | None = None, name: str = "mean_reciprocal_rank", dtype: Any = None):
        super().__init__(k, name, dtype)

    def _values(self, relevance: Any, ranked: Any) -> Any:
        relevant = ranked > 0
        first = ops.logical_and(relevant, ops.cumsum(ops.cast(relevant, "int32"), axis=1) == 1)
        return ops.sum(ops.where(first, 1 / ranks(ranked), 0.0), axis=1)
