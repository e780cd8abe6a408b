"""Hit rate at k of a classifier, over all samples or those of each class."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from kerazoo.metrics._class_labels import ClassIds, ClassRows
from kerazoo.metrics._metric_at_k import MetricAtK


@keras.saving.register_keras_serializable(package="kerazoo")
class HitRateAtK(MetricAtK):
    """Share of samples with at least one relevant class among the k highest-scored ones: hits.

    A hit is a property of a sample, not of a class, so `average` says which samples are counted:

    - "micro": all: `sum(w of hits) / sum(w)`. A sample without a relevant class is a miss.
    - None: for class c those to which c is relevant, hit by whichever relevant class:
      `sum(w of hits to which c is relevant) / sum(w where c is relevant)`, 0 where there are none.
    - "macro", "weighted": the mean of these over the classes, as in `PrecisionAtK`.

    With class ids, or one-hot rows, it is `RecallAtK`: only samples with several relevant classes
    tell the two apart, and samples with none.

    Labels, scores, weights, ties, the other arguments and errors: as in `PrecisionAtK`.

    Source: Deshpande, Karypis 2004, "Item-based top-N recommendation algorithms",
    doi:10.1145/963770.963776. Changed: their users hide one item each; here a sample may have
    several relevant classes or none, a weight, and samples can be counted by class.

    >>> metric = kerazoo.metrics.HitRateAtK(k=1)
    >>> metric.update_state([[1, 1, 0], [0, 1, 1]], [[0.6, 0.3, 0.1], [0.5, 0.2, 0.3]])
    >>> float(metric.result())
    0.5
    """

    def __init__(
        self,
        k: int = 10,
        average: str | None = "micro",
        ignore_class: int | None = None,
        name: str = "hit_rate_at_k",
        dtype: Any = None,
    ):
        super().__init__(k, average, ignore_class, name, dtype)

    def _fraction(self, labels: ClassIds | ClassRows, top: Any, weights: Any) -> tuple[Any, Any]:
        hits = ops.where(ops.any(labels.at(top), axis=1), weights, 0.0)
        if self.average == "micro":
            return hits, weights
        return labels.weigh(hits), labels.weigh(weights)
