"""Softmax over the items of a batch, for retrieval by two towers (Yi et al. 2019)."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from kerazoo.argument_checks import check_number
from kerazoo.errors import DataError
from kerazoo.global_batch import rows_of_all


@keras.saving.register_keras_serializable(package="kerazoo")
class InBatchSoftmaxLoss(keras.losses.Loss):
    """Each row's item against the items of the other rows, which stand for all others.

    For row i, with user vectors u, item vectors v and the items' frequencies f, over the rows j
    that are no accidental hits:

        -log(exp(s_ii) / sum over j of exp(s_ij)),   s_ij = u_i . v_j / temperature - log(f_j)

    The last term corrects for frequent items being negatives more often (up to a constant, which
    cancels): the scores then learn what a softmax over all items would. Accidental hits are rows
    other than i with the item of row i, or with its user: that item is one of this user's own.

    The value depends on the batch that a row is in, and on how large it is: compare values of equal
    batch sizes only. On several replicas (`kerazoo.distribute`) that is the global batch: each
    replica's users meet the items of all.

    Shapes: `y_true` `(batch, 3)`: user number, item number (below 2^24: Keras hands them on as
    float32, in which larger ones are not told apart; count them from 0), frequency of the item
    among the rows, above 0 and in any unit (1 for all: no correction). `y_pred` `(batch, 2 *
    units)`: the user's vector, then the item's. The loss is in nats, per row `(batch,)` before the
    reduction.

    Source: Yi et al. 2019, doi:10.1145/3298689.3346996, equations 3 to 6.

    Args:
        temperature: above 0; for vectors of length 1 about 0.05 to 0.2.
        name, reduction, dtype: as for every Keras loss.

    Raises: ConfigError for a temperature out of range; DataError in `call` for shapes that do not
    fit.

    >>> loss = kerazoo.losses.InBatchSoftmaxLoss(temperature=1.0)
    >>> rows = [[0, 5, 1], [1, 6, 1]]  # two users, two items
    >>> vectors = [[1.0, 0.0, 1.0, 0.0], [0.0, 1.0, 0.0, 1.0]]
    >>> round(float(loss(rows, vectors)), 4)  # log(1 + exp(-1))
    0.3133
    """

    def __init__(
        self,
        temperature: float = 0.1,
        name: str = "in_batch_softmax_loss",
        reduction: str = "sum_over_batch_size",
        dtype: Any = None,
    ):
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.temperature = check_number("temperature", temperature, above=0)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        y_true, y_pred = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
        self._check_shapes(tuple(y_true.shape), tuple(y_pred.shape))
        user_vectors, item_vectors = ops.split(y_pred, 2, axis=1)
        own = ops.sum(user_vectors * item_vectors, axis=1)
        own = own / self.temperature - _correction(y_true, y_pred.dtype)
        # On replicas users are those of a part of the batch, but items are those of all parts.
        everyone = rows_of_all(y_true)
        scores = ops.matmul(user_vectors, ops.transpose(rows_of_all(item_vectors)))
        others = scores / self.temperature - _correction(everyone, y_pred.dtype)
        others = ops.where(_are_hits(y_true, everyone), _NEVER, others)
        every = ops.concatenate([own[:, None], others], axis=1)
        return ops.logsumexp(every, axis=1) - own

    def _check_shapes(self, y_true: tuple[Any, ...], y_pred: tuple[Any, ...]) -> None:
        fits = len(y_true) == len(y_pred) == 2 and y_true[1] == 3 and not (y_pred[1] or 1) % 2
        if not fits:
            raise DataError(
                f"Loss {self.name!r} takes y_true (batch, 3) and y_pred (batch, 2 * units). "
                f"Received: {y_true} and {y_pred}."
            )

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        return {**config, "dtype": self.dtype, "temperature": self.temperature}


_NEVER = -1e9
"""A score that adds nothing to a sum of exponentials."""


def _correction(rows: Any, dtype: Any) -> Any:
    return ops.log(ops.cast(rows[:, 2], dtype))


def _are_hits(rows: Any, others: Any) -> Any:
    """Whether row i and another row j have the same user or item: bool, `(rows, others)`."""
    same_user = ops.equal(rows[:, None, 0], others[None, :, 0])
    return ops.logical_or(same_user, ops.equal(rows[:, None, 1], others[None, :, 1]))
