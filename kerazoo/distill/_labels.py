"""Class numbers from the labels of a batch."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from kerazoo.errors import DataError


def class_numbers(labels: Any, needed_by: str) -> Any:
    """Class numbers, int32 `(batch,)`, of labels that are class numbers or one-hot rows.

    Args:
        labels: integer `(batch,)` or `(batch, 1)`, or one-hot `(batch, classes)`.
        needed_by: for the message.

    Raises:
        kerazoo.errors.DataError: there are no labels, or they are of another form.
    """
    if labels is None or keras.tree.is_nested(labels):
        raise DataError(
            f"{needed_by} needs the labels of one output: class numbers (batch,) or one-hot rows. "
            f"Received: {'no labels' if labels is None else type(labels).__name__}."
        )
    labels = ops.convert_to_tensor(labels)
    if len(labels.shape) == 2 and labels.shape[1] != 1:
        return ops.cast(ops.argmax(labels, axis=-1), "int32")
    if len(labels.shape) > 2:
        raise DataError(
            f"{needed_by} needs class numbers (batch,) or one-hot rows (batch, classes). "
            f"Received: labels of shape {tuple(labels.shape)}."
        )
    return ops.cast(ops.reshape(labels, (-1,)), "int32")
