"""Which detections of one class in one image are right: the greedy matching of COCO.

pycocotools' `COCOeval.evaluateImg` for all overlap thresholds and area ranges at once. In order of
score, a detection takes the free object it overlaps most, if by the threshold or more. An object
counts as ignored in an area range that it lies outside of, and everywhere if it is a crowd; a
detection takes one of these only if no other will do, and then is ignored too, as is one without
an object that lies outside the range. A crowd is never taken for good.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Objects(NamedTuple):
    """The n true objects of one class in one image.

    Attributes:
        boxes: float64, `(n, 4)`: left, top, width, height, in pixels.
        areas: float64, `(n,)`, in square pixels.
        crowd: bool, `(n,)`.
    """

    boxes: np.ndarray
    areas: np.ndarray
    crowd: np.ndarray

    def ignored(self, area_ranges: np.ndarray) -> np.ndarray:
        """Bool, `(ranges, n)`."""
        return self.crowd | outside(self.areas, area_ranges)


def outside(areas: np.ndarray, area_ranges: np.ndarray) -> np.ndarray:
    """Bool, `(ranges, n)`; both ends of a range belong to it."""
    lowest, highest = area_ranges[:, :1], area_ranges[:, 1:]
    return (areas < lowest) | (areas > highest)


def overlaps(detections: np.ndarray, objects: Objects) -> np.ndarray:
    """Intersection over union, `(detections, objects)`; with a crowd, over the detection alone."""
    one, other = detections[:, None, :], objects.boxes[None, :, :]
    low = np.maximum(one[..., :2], other[..., :2])
    high = np.minimum(one[..., :2] + one[..., 2:], other[..., :2] + other[..., 2:])
    intersection = np.maximum(high - low, 0).prod(axis=-1)
    own = np.broadcast_to(one[..., 2] * one[..., 3], intersection.shape)
    union = np.where(objects.crowd, own, own + other[..., 2] * other[..., 3] - intersection)
    return np.divide(intersection, union, out=np.zeros_like(union), where=intersection > 0)


def match(
    detections: np.ndarray, objects: Objects, thresholds: np.ndarray, area_ranges: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """True and false positives; an ignored detection is neither.

    Args:
        detections: float64, `(d, 4)`, left, top, width, height, highest score first.
        objects: of the same class and image.
        thresholds: `(thresholds,)`, 0 to 1.
        area_ranges: `(ranges, 2)`, lowest and highest area in square pixels.

    Returns: two bool arrays, `(d, ranges, thresholds)`.
    """
    areas = detections[:, 2] * detections[:, 3]
    ignored = np.repeat(outside(areas, area_ranges).T[:, :, None], len(thresholds), axis=2)
    taken = np.zeros_like(ignored)
    if len(objects.boxes):
        # COCO's slack: an overlap of 1 less rounding errors passes a threshold of 1.
        thresholds = np.minimum(thresholds, 1 - 1e-10)
        _take(overlaps(detections, objects), objects, thresholds, area_ranges, taken, ignored)
    return taken & ~ignored, ~taken & ~ignored


def _take(
    overlap: np.ndarray,
    objects: Objects,
    thresholds: np.ndarray,
    area_ranges: np.ndarray,
    taken: np.ndarray,
    ignored: np.ndarray,
) -> None:
    """Fill in, one detection after the other, which took an object, and one that is ignored."""
    enough = overlap[:, None, :] >= thresholds[:, None]
    object_ignored = objects.ignored(area_ranges)
    free = np.ones((*taken.shape[1:], len(objects.boxes)), bool)
    for index in np.flatnonzero(enough.any(axis=(1, 2))):
        order = _preference(overlap[index], object_ignored)
        wanted = np.where(free & enough[index], order[:, None, :], -1)
        taken[index] = wanted.max(axis=-1) >= 0
        ranges, levels = np.nonzero(taken[index])
        chosen = wanted.argmax(axis=-1)[ranges, levels]
        free[ranges, levels, chosen] = objects.crowd[chosen]
        ignored[index, ranges, levels] = object_ignored[ranges, chosen]


def _preference(overlap: np.ndarray, ignored: np.ndarray) -> np.ndarray:
    """Rank of each object for a detection, `(ranges, objects)`, the highest being the best.

    Objects that count come before ignored ones, then the larger overlap, then the later in order.
    """
    order = np.lexsort((np.broadcast_to(overlap, ignored.shape), ~ignored), axis=-1)
    return np.argsort(order, axis=-1)
