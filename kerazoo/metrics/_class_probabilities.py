"""What a classifier said and what was true, brought to one layout for metrics of probabilities."""

from __future__ import annotations

from typing import Any, NamedTuple

from keras import ops

from kerazoo.errors import DataError
from kerazoo.metrics._sample_weights import spread_weights, without_masked
from kerazoo.metrics._shapes import agree, check_is_batch, without_last_one


class Predictions(NamedTuple):
    """The n predictions of a batch, whatever axes they came in.

    Attributes:
        labels: int32, `(n,)`; of two classes float32, 0 to 1.
        probabilities: float32, `(n,)`, of class 1 of two; or `(n, classes)`.
        weights: float32, `(n,)`.
    """

    labels: Any
    probabilities: Any
    weights: Any

    @property
    def binary(self) -> bool:
        return len(self.probabilities.shape) == 1


def flat_predictions(
    y_true: Any, y_pred: Any, sample_weight: Any, *, from_logits: bool
) -> Predictions:
    """Check and flatten a batch; half precision is widened before anything is computed.

    Args:
        y_true: integer labels, `(batch, ...)` or `(batch, ..., 1)`; for one probability also soft
            ones, 0 to 1; for two or more classes also one-hot, the shape of `y_pred`.
        y_pred: `(batch,)` or `(batch, ..., 1)`, of class 1 of two; else `(batch, ..., classes)`.
        sample_weight: None, or as `spread_weights` takes it; a Keras mask on `y_pred` makes it 0.
        from_logits: `y_pred` is what goes into the sigmoid or softmax, not what comes out.

    Raises: DataError if the shapes do not fit.
    """
    y_true = ops.convert_to_tensor(y_true)
    scores = ops.cast(ops.convert_to_tensor(y_pred), "float32")
    check_is_batch("y_pred", tuple(scores.shape))
    binary = len(scores.shape) == 1 or scores.shape[-1] == 1
    one_hot = not binary and len(y_true.shape) == len(scores.shape) and y_true.shape[-1] != 1
    sample = scores if len(scores.shape) == 1 else scores[..., 0]
    _check_labels(y_true, like=scores if one_hot else sample, y_pred=scores)
    weights = without_masked(spread_weights(sample_weight, sample), y_pred)
    weights = ops.reshape(weights, (-1,))
    labels = ops.argmax(y_true, axis=-1) if one_hot else y_true
    labels = ops.cast(ops.reshape(labels, (-1,)), "float32" if binary else "int32")
    scores = ops.reshape(scores, (-1,) if binary else (-1, scores.shape[-1]))
    if from_logits:
        scores = ops.sigmoid(scores) if binary else ops.softmax(scores, axis=-1)
    return Predictions(labels, scores, weights)


def _check_labels(y_true: Any, *, like: Any, y_pred: Any) -> None:
    true, wanted = tuple(y_true.shape), tuple(like.shape)
    if not agree(without_last_one(true, axes=len(wanted)), wanted):
        raise DataError(
            "`y_true` must hold one label for each prediction, or be one-hot. "
            f"Received: y_true {true}, y_pred {tuple(y_pred.shape)}."
        )
