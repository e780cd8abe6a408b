"""A folder of labelled images, as what a classifier can be judged by."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from kerazoo.errors import DataError
from kerazoo.notices import notice
from kerazoo.training.labelled_data import LabelledData, labelled_data
from kerazoo.training.training_batches import TrainingBatches

_BATCH_SIZE = 64


def batches_of_folder(
    folder: str | os.PathLike[str],
    sample_shape: Sequence[int | None],
    answer_shape: Sequence[int | None],
    labels: Sequence[str] | None,
    batch_size: int | None,
) -> TrainingBatches:
    """The images as large as the model takes them, with class numbers as it gives them.

    Args:
        folder: with a folder of images for each class.
        sample_shape, answer_shape: of the model, without the batch.
        labels: of the model's classes, with which those of the folder are matched; None takes the
            folder's in the order of their names, as `fine_tune` does.
        batch_size: 64 if None.

    Raises:
        DataError: it is no such folder, or the model is no classifier of images of one size, or
            has other classes.
    """
    is_classifier = len(sample_shape) == 3 and len(answer_shape) == 1 and answer_shape[0] != 1
    if not is_classifier or None in (*sample_shape, *answer_shape):
        raise DataError(
            f"A folder of images judges classifiers of images of one size. Received: a model from "
            f"{tuple(sample_shape)} to {tuple(answer_shape)}."
        )
    data = labelled_data(Path(folder), name="dataset")
    if labels is None:
        _check_count(data, answer_shape[0])
    elif len(labels) != answer_shape[0]:
        raise DataError(f"The model has {answer_shape[0]} classes and {len(labels)} labels.")
    else:
        data = data.with_classes(labels)
    shape = tuple(size for size in sample_shape if size is not None)
    return TrainingBatches(data, shape, batch_size=batch_size or _BATCH_SIZE, shuffle=False)


def _check_count(data: LabelledData, classes: int | None) -> None:
    names = data.class_names or ()
    if len(names) != classes:
        raise DataError(
            f"The model has {classes} classes without names, the folder {len(names)}: "
            f"{', '.join(names)}. Give the names in a file beside the model, "
            f'NAME.labels.json: ["first", "second" ...].'
        )
    notice(f"The model's classes have no names: they are taken to be {', '.join(names)}.")
