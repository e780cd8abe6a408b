"""Precision at k of a classifier, per class or averaged."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from kerazoo.metrics._class_labels import ClassIds, ClassRows
from kerazoo.metrics._metric_at_k import MetricAtK, sum_by_class


@keras.saving.register_keras_serializable(package="kerazoo")
class PrecisionAtK(MetricAtK):
    """How often a class that is among the k highest-scored ones of a sample is relevant to it.

    For class c, over samples of weight w:

        sum(w where c is in the top k and relevant) / sum(w where c is in the top k)

    and 0 where c never was in the top k. For one class that is
    `keras.metrics.Precision(top_k=k, class_id=c)`, for "micro" `Precision(top_k=k)`. Equal scores
    rank by position, the lower class first, on every backend; NaN ranks as the lowest number.

    - `y_true`: class ids, `(batch,)` or `(batch, 1)`, or one-hot or multi-hot rows,
      `(batch, classes)`, relevant where above 0. The shape decides, not the dtype; with a single
      class `(batch, 1)` is a row. An id outside 0 .. classes - 1 means a sample without a relevant
      class, as a row of zeros does.
    - `y_pred`: scores, `(batch, classes)`, logits or probabilities, compared as float32.
    - `sample_weight`: `(batch,)` or `(batch, 1)`, 0 or more.

    The state is two sums, or three for "weighted" (per class unless "micro"), exact for counts
    beyond float32's 2 ** 24.

    Args:
        k: 1 to the number of classes.
        average: "micro" adds up the sums of all classes first; "macro" is the mean of the classes'
            values, "weighted" their mean weighted by how often each is relevant; None gives one
            value per class, `(classes,)`.
        ignore_class: samples labelled so are left out, as with `ignore_class` in Keras: an id equal
            to it (which may be no class at all, such as -1 or 255), or a row above 0 at it. In the
            top k of other samples the class still counts as a wrong answer, but "macro" does not
            average over it, and None gives 0 for it.
        name, dtype: as for every Keras metric.

    Raises: ConfigError and UnknownNameError for wrong arguments. `update_state` raises DataError if
        the shapes do not fit or `k` exceeds the number of classes, while tracing too.

    Source: Manning, Raghavan, Schütze 2008, "Introduction to Information Retrieval", section 8.4.
    Changed: classes are ranked for a sample instead of documents for a query, and the shares are
    taken over all samples together, as Keras does it, not averaged over queries.

    >>> scores = [[0.6, 0.3, 0.1], [0.2, 0.5, 0.3], [0.1, 0.2, 0.7]]
    >>> metric = kerazoo.metrics.PrecisionAtK(k=2, average=None)
    >>> metric.update_state([0, 2, 2], scores)
    >>> [round(float(value), 4) for value in metric.result()]
    [1.0, 0.0, 1.0]
    """

    def __init__(
        self,
        k: int = 10,
        average: str | None = "micro",
        ignore_class: int | None = None,
        name: str = "precision_at_k",
        dtype: Any = None,
    ):
        super().__init__(k, average, ignore_class, name, dtype)

    def _fraction(self, labels: ClassIds | ClassRows, top: Any, weights: Any) -> tuple[Any, Any]:
        weights = weights[:, None]
        relevant = ops.where(labels.at(top), weights, 0.0)
        chosen = ops.broadcast_to(weights, ops.shape(relevant))
        return tuple(sum_by_class(values, top, labels.classes) for values in (relevant, chosen))
