"""The share of right answers, for classes in any of their usual forms."""

from __future__ import annotations

import numpy as np

from kerazoo.errors import DataError


def accuracy(outputs: np.ndarray, targets: np.ndarray) -> float:
    """The share of rows whose class is right.

    Raises: DataError if the targets are not one class, or one one-hot row, for each.
    """
    width = outputs.shape[-1]
    if targets.dtype.kind not in "biuf":
        raise DataError(
            f"Accuracy needs classes as numbers, or one-hot rows. Received: targets of the type "
            f"{targets.dtype}."
        )
    if width == 1:
        outputs, classes = outputs.reshape(len(outputs), -1), targets.reshape(len(targets), -1)
        return float(np.mean((outputs > 0.5) == (classes > 0.5)))
    if targets.shape == outputs.shape:
        targets = targets.argmax(-1)
    classes = outputs.argmax(-1)
    if targets.size != classes.size:
        raise DataError(
            f"Accuracy needs a class, or a one-hot row, for each of the outputs {outputs.shape}. "
            f"Received: targets {targets.shape}."
        )
    if not 0 <= targets.min() <= targets.max() < width:
        raise DataError(
            f"Accuracy needs classes from 0 to {width - 1}, as the outputs have {width}. Received: "
            f"{targets.min()} to {targets.max()}."
        )
    return float(np.mean(classes == targets.reshape(classes.shape)))
