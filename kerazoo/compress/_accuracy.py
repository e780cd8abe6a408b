"""The share of right answers, for classes in any of their usual forms."""

from __future__ import annotations

import numpy as np

from kerazoo.errors import DataError


def accuracy(outputs: np.ndarray, targets: np.ndarray) -> float:
    """The share of rows whose class is right.

    Raises: DataError if the targets are not one class, or one one-hot row, for each; of outputs of
        one number, 0 or 1.
    """
    if outputs.ndim == 1:  # one number for each row
        outputs = outputs[:, None]
    width = outputs.shape[-1]
    if targets.dtype.kind not in "biuf":
        raise DataError(
            f"Accuracy needs classes as numbers, or one-hot rows. Received: targets of the type "
            f"{targets.dtype}."
        )
    if width == 1:
        return _accuracy_of_two(outputs, targets)
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


def _accuracy_of_two(outputs: np.ndarray, targets: np.ndarray) -> float:
    """Of outputs of one number, which say that the class is 1 where they are above 0.5."""
    if targets.size != outputs.size:
        raise DataError(
            f"Accuracy needs a 0 or 1 for each of the outputs {outputs.shape}. Received: targets "
            f"{targets.shape}."
        )
    if not are_two_classes(targets):
        raise DataError(
            f"Accuracy of outputs of one number needs targets that are 0 or 1. Received: "
            f"{targets.min():g} to {targets.max():g}."
        )
    return float(np.mean((outputs > 0.5) == (targets > 0.5).reshape(outputs.shape)))


def are_two_classes(targets: np.ndarray) -> bool:
    """Whether all of them are 0 or 1."""
    return bool(np.isin(targets, (0, 1)).all())
