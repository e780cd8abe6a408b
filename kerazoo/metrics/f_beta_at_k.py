"""F-measure at k of a classifier (van Rijsbergen 1979, "Information Retrieval", chapter 7)."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from kerazoo.argument_checks import check_number
from kerazoo.metrics._class_labels import ClassIds, ClassRows
from kerazoo.metrics._metric_at_k import MetricAtK, sum_by_class


@keras.saving.register_keras_serializable(package="kerazoo")
class FBetaAtK(MetricAtK):
    """Weighted harmonic mean of precision P and recall R at k.

    For class c: `(1 + beta ** 2) * P * R / (beta ** 2 * P + R)`, which over samples of weight w is

        (1 + beta ** 2) * sum(w where c is in the top k and relevant)
        / (sum(w where c is in the top k) + beta ** 2 * sum(w where c is relevant))

    and 0 where c was neither. "micro" adds up the sums first; "macro" and "weighted" are means of
    the classes' values, as in scikit-learn, not the value of the mean precision and recall.

    Labels, scores, weights, ties, the other arguments and errors: as in `PrecisionAtK`.

    Args:
        beta: above 0; recall matters beta times as much as precision.

    >>> scores = [[0.6, 0.3, 0.1], [0.2, 0.5, 0.3], [0.1, 0.2, 0.7]]
    >>> metric = kerazoo.metrics.FBetaAtK(k=1, average=None)
    >>> metric.update_state([0, 2, 2], scores)
    >>> [round(float(value), 4) for value in metric.result()]  # class 2: P = 1, R = 1 / 2
    [1.0, 0.0, 0.6667]
    """

    def __init__(
        self,
        k: int = 10,
        beta: float = 1.0,
        average: str | None = "micro",
        ignore_class: int | None = None,
        name: str = "f_beta_at_k",
        dtype: Any = None,
    ):
        super().__init__(k, average, ignore_class, name, dtype)
        self.beta = check_number("beta", beta, above=0)

    def _fraction(self, labels: ClassIds | ClassRows, top: Any, weights: Any) -> tuple[Any, Any]:
        column, square = weights[:, None], self.beta**2
        found = ops.where(labels.at(top), column, 0.0)
        chosen = ops.broadcast_to(column, ops.shape(found))
        found, chosen = (sum_by_class(values, top, labels.classes) for values in (found, chosen))
        return (1 + square) * found, chosen + square * labels.weigh(weights)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "beta": self.beta}
