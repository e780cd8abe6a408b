"""What average precision has to remember: each detection's score, and whether it was right."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np


class ClassRecord(NamedTuple):
    """One class over all images; detections highest score first, equal ones as they came.

    Attributes:
        label: int.
        ranks: `(d,)`, place of each detection among those of its class in its image, from 0.
        right, wrong: bool, `(d, ranges, thresholds)`, true and false positives.
        objects: `(ranges,)`, how many there were to find.
    """

    label: int
    ranks: np.ndarray
    right: np.ndarray
    wrong: np.ndarray
    objects: np.ndarray


class DetectionLog:
    """Grows with the data: 24 bytes a detection with four area ranges and ten thresholds."""

    def __init__(self, ranges: int, thresholds: int):
        self.shape = (2, ranges, thresholds)
        self.bits = int(np.prod(self.shape))
        self.row = np.dtype(
            [("label", "i4"), ("rank", "u2"), ("score", "f8"), ("bits", "u1", -(-self.bits // 8))]
        )
        self.clear()

    def clear(self) -> None:
        self.batches: list[np.ndarray] = []
        self.objects: dict[int, np.ndarray] = {}

    def add_objects(self, label: int, counts: np.ndarray) -> None:
        """Count `(ranges,)` objects to find; of each class that is detected too, if only 0."""
        self.objects[label] = counts + self.objects.get(label, 0)

    def rows(
        self, label: int, scores: np.ndarray, right: np.ndarray, wrong: np.ndarray
    ) -> np.ndarray:
        """Rows for detections of one class in one image, highest score first."""
        rows = np.empty(len(scores), self.row)
        rows["label"], rows["rank"], rows["score"] = label, np.arange(len(scores)), scores
        flags = np.stack([right, wrong], axis=1).reshape(len(scores), self.bits)
        rows["bits"] = np.packbits(flags, axis=1)
        return rows

    def add_batch(self, rows: list[np.ndarray]) -> None:
        """Keep rows; one array a batch, since each array costs about 100 bytes of its own."""
        if rows:
            self.batches.append(np.concatenate(rows))

    def by_class(self) -> Iterator[ClassRecord]:
        """The classes that had an object or a detection, by label."""
        rows = np.concatenate([np.empty(0, self.row), *self.batches])
        rows = rows[np.lexsort((-rows["score"], rows["label"]))]
        for label in sorted(self.objects):
            start, stop = np.searchsorted(rows["label"], [label, label + 1])
            own = rows[start:stop]
            flags = np.unpackbits(own["bits"], axis=1, count=self.bits)
            right, wrong = flags.reshape(-1, *self.shape).view(bool).swapaxes(0, 1)
            yield ClassRecord(label, own["rank"], right, wrong, self.objects[label])
