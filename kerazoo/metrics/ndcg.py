"""Normalised discounted cumulative gain (Järvelin, Kekäläinen 2002, doi:10.1145/582415.582418)."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from kerazoo.errors import unknown_name
from kerazoo.metrics._ranking_metric import RankingMetric, ranks

GAINS = ("linear", "exponential")


@keras.saving.register_keras_serializable(package="kerazoo")
class NDCG(RankingMetric):
    """Mean over queries of DCG / (DCG of the best possible order), 0 to 1:

        DCG = sum over ranks i = 1 .. k of gain(relevance of item i) / log2(i + 1)

    and 0 for a query whose best DCG is 0.

    Labels, here grades of relevance (below 0 is masked), scores, weights, ties, queries without a
    relevant item, `k` and errors: as in `MeanReciprocalRank`. With tied scores scikit-learn takes
    the mean over all orders of the tied items; here their positions decide.

    Args:
        gain: "linear", the relevance itself, as in scikit-learn and torchmetrics; or "exponential",
            `2 ** relevance - 1`, as in Burges et al. 2005 (doi:10.1145/1102351.1102363) and
            keras-rs, for relevance below about 100.

    Raises: UnknownNameError for another `gain`; else as `MeanReciprocalRank`.

    >>> metric = kerazoo.metrics.NDCG(gain="exponential")
    >>> metric.update_state([[1, 2, 0]], [[0.9, 0.5, 0.1]])
    >>> round(float(metric.result()), 4)  # (1 + 3 / log2(3)) / (3 + 1 / log2(3))
    0.7967
    """

    def __init__(
        self, k: int | None = None, gain: str = "linear", name: str = "ndcg", dtype: Any = None
    ):
        super().__init__(k, name, dtype)
        if gain not in GAINS:
            raise unknown_name("gain", gain, GAINS)
        self.gain = gain

    def _values(self, relevance: Any, ranked: Any) -> Any:
        best = ops.top_k(relevance, ops.shape(ranked)[1])[0]
        return ops.divide_no_nan(self._dcg(ranked), self._dcg(best))

    def _dcg(self, ranked: Any) -> Any:
        gains = ranked if self.gain == "linear" else ops.power(2.0, ranked) - 1
        return ops.sum(gains / ops.log2(ranks(ranked) + 1), axis=1)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "gain": self.gain}
