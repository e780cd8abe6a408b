"""What the metrics of ranked lists share: masked items, weights, the mean over queries."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import keras
from keras import ops

from kerazoo.argument_checks import check_integer
from kerazoo.errors import DataError
from kerazoo.metrics._compensated_sum import add_to, value_of
from kerazoo.metrics._sample_weights import spread_weights
from kerazoo.metrics._shapes import Shape, agree
from kerazoo.metrics._top_k import check_k_fits, top_k_positions


class RankingMetric(keras.metrics.Metric):
    """Mean over queries of a value that a subclass gives each ranked list.

    The state is the weighted sum of the values and that of the weights.
    """

    def __init__(self, k: int | None, name: str, dtype: Any):
        super().__init__(name=name, dtype=dtype)
        self.k = None if k is None else check_integer("k", k)
        self._direction = "up"  # what mode="auto" of Keras's callbacks asks for
        self.sums = self.add_variable((2, 2), "zeros", dtype="float32", name="sums")

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        y_true, y_pred = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
        self._check_shapes(tuple(y_true.shape), tuple(y_pred.shape))
        relevance = ops.cast(y_true, "float32")
        valid = relevance >= 0
        relevance = ops.where(valid, relevance, 0.0)
        weights = spread_weights(sample_weight, relevance[:, 0])
        weights = ops.where(ops.any(valid, axis=1), weights, 0.0)
        k = ops.shape(y_pred)[1] if self.k is None else self.k
        ranking = top_k_positions(y_pred, k, valid)
        values = self._values(relevance, ops.take_along_axis(relevance, ranking, axis=1))
        add_to(self.sums, ops.stack([ops.sum(values * weights), ops.sum(weights)]))

    @abstractmethod
    def _values(self, relevance: Any, ranked: Any) -> Any:
        """The value of each query, float32 `(queries,)`.

        `relevance`: float32, `(queries, items)`, as given, 0 where masked. `ranked`: the same of
        the k best-scored items, best first, `(queries, k)`.
        """

    def result(self) -> Any:
        total, weights = value_of(self.sums)[0], value_of(self.sums)[1]
        return ops.cast(ops.divide_no_nan(total, weights), self.dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "k": self.k}

    def _check_shapes(self, y_true: Shape, y_pred: Shape) -> None:
        if len(y_pred) != 2 or not agree(y_true, y_pred) or 0 in (y_true[1], y_pred[1]):
            raise DataError(
                "`y_true` and `y_pred` must both be (queries, items), with at least one item. "
                f"Received: shapes {y_true} and {y_pred}."
            )
        if self.k is None:
            return
        if y_pred[1] is None:
            raise DataError(
                f"With `k`, the number of items must be known. Received: k={self.k}, y_pred of "
                f"shape {y_pred}. Pad all lists to one length, with labels of -1."
            )
        check_k_fits(self.k, y_pred[1], "items")


def ranks(ranked: Any) -> Any:
    """1, 2, ... k: float32, `(queries, k)`, the shape of `ranked`."""
    return ops.cumsum(ops.ones_like(ranked), axis=1)
