"""What a fine-tuning makes of its data: two parts, a number of classes, weights, distortions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from kerazoo import datasets
from kerazoo.argument_checks import check_number
from kerazoo.datasets import Augment
from kerazoo.errors import ConfigError, DataError
from kerazoo.notices import notice
from kerazoo.training.labelled_data import LabelledData, is_dataset, labelled_data, split
from kerazoo.training.training_batches import balanced

HELD_OUT = 0.1


def parts(train: Any, validation: Any, seed: int) -> tuple[LabelledData, LabelledData | None]:
    """The training part, and what is held out of it or given beside it."""
    data = labelled_data(train, name="train")
    if validation is not None and not isinstance(validation, int | float):
        given = labelled_data(validation, name="validation")
        if (data.class_names or given.class_names) != (given.class_names or data.class_names):
            raise DataError("`train` and `validation` have classes of different names.")
        return data, given
    fraction = HELD_OUT if validation is None else validation
    check_number("validation", fraction, least=0.0, most=0.5)
    if not fraction:
        return data, None
    kept, held_out = split(data, fraction, seed)
    if validation is None:
        notice(f"A tenth of the training data is held out for validation: {len(held_out)} samples.")
    return kept, held_out


def count_classes(
    training: LabelledData, validation: LabelledData | None, asked: int | None
) -> int:
    highest = max(int(data.labels.max()) for data in (training, validation) if data is not None)
    named = len(training.class_names) if training.class_names else 0
    count = asked if asked is not None else max(highest + 1, named)
    if highest >= count or count < 2:
        raise DataError(
            f"Labels must be 0 to num_classes - 1, of 2 classes at least. Received: labels up to "
            f"{highest}, num_classes={count}."
        )
    return count


def class_weights(asked: Any, data: LabelledData, num_classes: int) -> np.ndarray | None:
    if asked is None:
        return None
    if asked == "balanced":
        return balanced(data.labels, num_classes)
    if not isinstance(asked, Mapping) or any(c not in range(num_classes) for c in asked):
        raise ConfigError(
            f"`class_weights` must be 'balanced', or map class numbers 0 to {num_classes - 1} to "
            f"weights. Received: {asked!r}."
        )
    return np.array(
        [check_number("class_weights", asked.get(c, 1.0), least=0.0) for c in range(num_classes)]
    )


def augmentation(asked: Any, train: Any, shape: tuple[int, ...]) -> Augment | None:
    if asked != "auto":
        return asked
    if len(shape) != 3:
        return None
    if is_dataset(train):
        return datasets.info(train).augment
    return Augment(flip=shape[2] == 3, shift=0.1, zoom=0.1)
