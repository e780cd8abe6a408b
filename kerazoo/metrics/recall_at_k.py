"""Recall at k of a classifier, per class or averaged."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from kerazoo.metrics._class_labels import ClassIds, ClassRows
from kerazoo.metrics._metric_at_k import MetricAtK, sum_by_class


@keras.saving.register_keras_serializable(package="kerazoo")
class RecallAtK(MetricAtK):
    """How often a class that is relevant to a sample is among its k highest-scored ones.

    For class c, over samples of weight w:

        sum(w where c is in the top k and relevant) / sum(w where c is relevant)

    and 0 where c never was relevant. For one class that is
    `keras.metrics.Recall(top_k=k, class_id=c)`, for "micro" `Recall(top_k=k)`, which for class ids
    is top-k accuracy; "macro" is then balanced top-k accuracy.

    Labels, scores, weights, ties, arguments and errors: as in `PrecisionAtK`.

    Source: as of `PrecisionAtK`, with the same changes.

    >>> scores = [[0.6, 0.3, 0.1], [0.2, 0.5, 0.3], [0.1, 0.2, 0.7]]
    >>> metric = kerazoo.metrics.RecallAtK(k=1, average=None)
    >>> metric.update_state([0, 2, 2], scores)
    >>> [round(float(value), 4) for value in metric.result()]
    [1.0, 0.0, 0.5]
    """

    def __init__(
        self,
        k: int = 10,
        average: str | None = "micro",
        ignore_class: int | None = None,
        name: str = "recall_at_k",
        dtype: Any = None,
    ):
        super().__init__(k, average, ignore_class, name, dtype)

    def _fraction(self, labels: ClassIds | ClassRows, top: Any, weights: Any) -> tuple[Any, Any]:
        found = ops.where(labels.at(top), weights[:, None], 0.0)
        return sum_by_class(found, top, labels.classes), labels.weigh(weights)
