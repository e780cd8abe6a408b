"""From detections in order of score to average precision and recall, the way of COCO.

pycocotools' `COCOeval.accumulate`: precision is made to fall with recall, each value rising to the
highest that follows, and is read at 101 recalls.
"""

from __future__ import annotations

import numpy as np

RECALLS = np.linspace(0.0, 1.0, 101)


def average_precision(right: np.ndarray, wrong: np.ndarray, objects: np.ndarray) -> np.ndarray:
    """Mean precision at the 101 recalls.

    Args:
        right: bool, `(d, ranges, thresholds)`, true positives, highest score first.
        wrong: bool, the same shape, false positives.
        objects: `(ranges,)`, how many there are to find.

    Returns: float64, `(ranges, thresholds)`; NaN in ranges without objects.
    """
    average = np.full(right.shape[1:], np.nan)
    for area, level in np.ndindex(*average.shape):
        if objects[area]:
            # One column at a time: all of them at once take 1 kB a detection.
            hits = np.cumsum(right[:, area, level])
            precision = hits / np.maximum(hits + np.cumsum(wrong[:, area, level]), 1)
            precision = np.maximum.accumulate(precision[::-1])[::-1]
            reached = np.searchsorted(hits / objects[area], RECALLS, side="left")
            reached = reached[reached < len(hits)]
            average[area, level] = precision[reached].sum() / len(RECALLS)
    return average


def final_recall(right: np.ndarray, objects: np.ndarray) -> np.ndarray:
    """Share of the objects found, `(ranges, thresholds)`; NaN in ranges without objects."""
    found = right.sum(axis=0)
    total = objects[:, None].astype(float)
    return np.divide(found, total, out=np.full(found.shape, np.nan), where=total > 0)
