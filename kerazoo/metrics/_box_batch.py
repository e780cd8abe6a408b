"""Batches of boxes as Keras pads them, read image by image.

Keras' own format: a dictionary of `boxes` `(batch, n, 4)` and `labels` `(batch, n)`, where the
label -1 marks a place without a box.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from kerazoo.errors import DataError
from kerazoo.metrics._box_formats import TO_XYWH
from kerazoo.metrics._box_matching import Objects
from kerazoo.metrics._host_values import host_array


class Detections(NamedTuple):
    """The n detections of one class in one image, highest score first, equal ones as they came.

    Attributes:
        boxes: float64, `(n, 4)`: left, top, width, height, in pixels.
        scores: float64, `(n,)`.
    """

    boxes: np.ndarray
    scores: np.ndarray


def read_objects(y_true: Any, box_format: str) -> list[dict[int, Objects]]:
    """The true objects of each image, by label.

    Besides `boxes` and `labels`, `areas` `(batch, n)` in square pixels (without it, width times
    height) and `crowd` `(batch, n)`, 0 or 1 (without it, 0). Raises: DataError.
    """
    boxes, labels = _boxes_and_labels(y_true, "y_true", box_format)
    areas = boxes[..., 2] * boxes[..., 3]
    crowd = np.zeros(labels.shape, bool)
    if "areas" in y_true:
        areas = _field(y_true, "y_true", "areas", labels.shape).astype("float64")
    if "crowd" in y_true:
        crowd = _field(y_true, "y_true", "crowd", labels.shape).astype(bool)
    if (boxes[labels >= 0][:, 2:] < 0).any():
        raise DataError(
            f"`y_true['boxes']` must have no negative width or height as {box_format!r}. "
            "Check `bounding_box_format`."
        )
    return [
        {
            label: Objects(*(values[image][which] for values in (boxes, areas, crowd)))
            for label, which in _by_label(labels[image])
        }
        for image in range(len(labels))
    ]


def read_detections(y_pred: Any, box_format: str) -> list[dict[int, Detections]]:
    """The detections of each image, by label; besides `boxes` and `labels`, `scores` `(batch, n)`.

    Raises: DataError.
    """
    boxes, labels = _boxes_and_labels(y_pred, "y_pred", box_format)
    scores = _field(y_pred, "y_pred", "scores", labels.shape).astype("float64")
    if not np.isfinite(scores[labels >= 0]).all():
        raise DataError("`y_pred['scores']` must be finite. Received: NaN or infinity.")
    images = []
    for image in range(len(labels)):
        found = {}
        for label, which in _by_label(labels[image]):
            best_first = which[np.argsort(-scores[image][which], kind="stable")]
            found[label] = Detections(boxes[image][best_first], scores[image][best_first])
        images.append(found)
    return images


def _boxes_and_labels(values: Any, name: str, box_format: str) -> tuple[np.ndarray, np.ndarray]:
    labels = _field(values, name, "labels", None)
    if labels.ndim != 2:
        raise DataError(f"`{name}['labels']` must be (batch, n). Received: {labels.shape}.")
    boxes = _field(values, name, "boxes", (*labels.shape, 4)).astype("float64")
    if not np.isfinite(boxes[labels >= 0]).all():
        raise DataError(f"`{name}['boxes']` must be finite. Received: NaN or infinity.")
    return TO_XYWH[box_format](boxes), labels.astype("int64")


def _field(values: Any, name: str, key: str, shape: tuple[int, ...] | None) -> np.ndarray:
    try:
        array = host_array(values[key], f"{name}['{key}']")
    except (KeyError, TypeError, IndexError) as error:
        raise DataError(
            f"`{name}` must be a dictionary with {key!r}. Received: {type(values).__name__}."
        ) from error
    if shape is not None and array.shape != shape:
        raise DataError(f"`{name}['{key}']` must be {shape}. Received: {array.shape}.")
    return array


def _by_label(labels: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Each label of an image and where it stands; negative ones are padding."""
    for label in np.unique(labels[labels >= 0]):
        yield int(label), np.flatnonzero(labels == label)
