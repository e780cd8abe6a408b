"""Mean average precision of detected boxes, as COCO defines it (Lin et al. 2014, arXiv:1405.0312).

The definition in all detail is `pycocotools.cocoeval.COCOeval`, whose numbers these are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import keras
import numpy as np
from keras import ops

from kerazoo.argument_checks import check_integers, check_list, check_number
from kerazoo.errors import ConfigError, unknown_name
from kerazoo.metrics._box_batch import Detections, read_detections, read_objects
from kerazoo.metrics._box_formats import TO_XYWH
from kerazoo.metrics._box_matching import Objects, match
from kerazoo.metrics._detection_log import DetectionLog
from kerazoo.metrics._host_values import check_as_many, check_no_weights
from kerazoo.metrics._precision_recall import average_precision, final_recall

AREA_RANGES = {  # square pixels
    "all": (0.0, 1e5**2),
    "small": (0.0, 32.0**2),
    "medium": (32.0**2, 96.0**2),
    "large": (96.0**2, 1e5**2),
}
_RANGES = np.array(list(AREA_RANGES.values()))
_NO_OBJECTS = Objects(np.empty((0, 4)), np.empty(0), np.empty(0, bool))
_NO_DETECTIONS = Detections(np.empty((0, 4)), np.empty(0))


@keras.saving.register_keras_serializable(package="kerazoo")
class BoxMeanAveragePrecision(keras.metrics.Metric):
    r"""COCO's mean average precision of boxes, 0 to 1; -1 without any object to find.

    Per class and overlap threshold, detections of all images are ranked by score (equal ones as
    they came). One is right if it overlaps (intersection over union) a true box of its class by
    the threshold or more that no better one took. The average precision is the mean, over the
    recalls 0, 0.01 ... 1, of the highest precision at that recall or beyond. `result` is its mean
    over thresholds and classes; classes without objects are left out. `details` has all twelve
    numbers that pycocotools prints, and each class's own.

    `update_state(y_true, y_pred)` takes Keras' dictionaries of padded boxes, `n` places an image:

    - `y_true`: `boxes` `(batch, n, 4)` in pixels, `labels` `(batch, n)`, integers, -1 where there
      is no box. May also have `crowd` `(batch, n)`, 1 for a box around a group (finding it is
      neither right nor wrong), and `areas` `(batch, n)` in square pixels, COCO's areas of the
      masks, by which objects are small, medium or large (else width times height).
    - `y_pred`: `boxes`, `labels` the same way (another `n`), and `scores` `(batch, n)`.

    **State and place.** The ranking needs every detection, so memory grows with the data: 24 bytes
    a detection (of at most `max_detections[-1]` an image and class), in NumPy, not in variables.
    It runs in Python, not in compiled functions: call it in a loop around
    `model.predict_on_batch`, under `tf.distribute` too, outside of `strategy.run`. There are no
    sample weights, since COCO has none.

    Args:
        bounding_box_format: "xyxy", "yxyx", "xywh" or "center_xywh", as in
            `keras.utils.bounding_boxes`; its `convert_format` makes these of relative boxes.
        class_ids: labels that count; None for all that come.
        iou_thresholds: rising, above 0, up to 1; None for 0.5, 0.55 ... 0.95.
        max_detections: rising, 1 to 65535; of each image and class, only as many of the highest
            scores count. The last is for precision, each is for a recall in `details`.
        name, dtype: as for every Keras metric.

    Raises: ConfigError or UnknownNameError for arguments out of range; `update_state` raises
        DataError for shapes that do not fit, tensors of a graph, or sample weights.

    >>> metric = kerazoo.metrics.BoxMeanAveragePrecision()
    >>> truth = {"boxes": [[[0, 0, 10, 10], [20, 20, 40, 40]]], "labels": [[0, 0]]}
    >>> found = {"boxes": [[[0, 0, 10, 8]]], "labels": [[0]], "scores": [[0.9]]}
    >>> metric.update_state(truth, found)  # overlap 0.8: right at 7 of 10 thresholds
    >>> round(float(metric.result()), 4), round(metric.details()["map_50"], 4)  # 51 of 101 recalls
    (0.3535, 0.505)
    """

    def __init__(
        self,
        bounding_box_format: str = "xyxy",
        class_ids: Sequence[int] | None = None,
        iou_thresholds: Sequence[float] | None = None,
        max_detections: Sequence[int] = (1, 10, 100),
        name: str = "box_mean_average_precision",
        dtype: Any = None,
    ):
        super().__init__(name=name, dtype=dtype)
        if bounding_box_format not in TO_XYWH:
            raise unknown_name("bounding box format", bounding_box_format, TO_XYWH)
        self._direction = "up"  # what mode="auto" of Keras's callbacks asks for
        self.bounding_box_format = bounding_box_format
        self.class_ids = self.iou_thresholds = None
        if class_ids is not None:
            self.class_ids = tuple(check_integers("class_ids", class_ids, least=0))
        self.max_detections = tuple(check_integers("max_detections", max_detections))
        _check_rising("max_detections", self.max_detections, most=65535)
        if iou_thresholds is not None:
            iou_thresholds = check_list("iou_thresholds", iou_thresholds)
            self.iou_thresholds = tuple(check_number("iou_thresholds", t) for t in iou_thresholds)
        # Not `arange`: its 0.75 is a little more than 0.75.
        thresholds = np.linspace(0.5, 0.95, 10) if iou_thresholds is None else self.iou_thresholds
        _check_rising("iou_thresholds", thresholds, most=1)
        self._thresholds = np.array(thresholds)
        self._log = DetectionLog(len(AREA_RANGES), len(self._thresholds))

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        check_no_weights(sample_weight)
        truth = read_objects(y_true, self.bounding_box_format)
        found = read_detections(y_pred, self.bounding_box_format)
        check_as_many(truth, found)
        rows = [row for image in zip(truth, found, strict=True) for row in self._image_rows(*image)]
        self._log.add_batch(rows)

    def result(self) -> Any:
        return ops.convert_to_tensor(self.details()["map"], self.dtype)

    def details(self) -> dict[str, Any]:
        """All of COCO's numbers, each 0 to 1, or -1 where there was no object to find.

        Returns: `map` (what `result` gives); `map_50` and `map_75`, at these overlaps, if they are
            among the thresholds; `map_small`, `map_medium`, `map_large`, by area, parted at 32 and
            96 pixels square; `mar_1`, `mar_10`, `mar_100`, mean recall with so many detections an
            image and class; `mar_small`, `mar_medium`, `mar_large`, with the most; and
            `map_per_class` and `mar_per_class`, from label to number.
        """
        labels, precision, recall = self._by_class()
        values = {"map": precision[:, 0]}
        for percent in (50, 75):
            at = np.isclose(self._thresholds, percent / 100)
            if at.any():
                values[f"map_{percent}"] = precision[:, 0, at]
        for index, count in enumerate(self.max_detections):
            values[f"mar_{count}"] = recall[:, index, 0]
        for index, area in enumerate(AREA_RANGES):
            if area != "all":
                values |= {f"map_{area}": precision[:, index], f"mar_{area}": recall[:, -1, index]}
        return {name: _mean(numbers) for name, numbers in values.items()} | {
            "map_per_class": dict(zip(labels, map(_mean, precision[:, 0]), strict=True)),
            "mar_per_class": dict(zip(labels, map(_mean, recall[:, -1, 0]), strict=True)),
        }

    def reset_state(self) -> None:
        self._log.clear()

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "bounding_box_format": self.bounding_box_format,
            "class_ids": self.class_ids,
            "iou_thresholds": self.iou_thresholds,
            "max_detections": self.max_detections,
        }

    def _by_class(self) -> tuple[list[int], np.ndarray, np.ndarray]:
        """Labels; precision, `(labels, areas, thresholds)`; recall, with a second axis of counts.

        Both are NaN where a class has no object.
        """
        shape = (len(AREA_RANGES), len(self._thresholds))
        labels, precision, recall = [], [], []
        for one in self._log.by_class():
            labels.append(one.label)
            precision.append(average_precision(one.right, one.wrong, one.objects))
            for count in self.max_detections:
                recall.append(final_recall(one.right[one.ranks < count], one.objects))
        return (
            labels,
            np.reshape(precision, (len(labels), *shape)),
            np.reshape(recall, (len(labels), len(self.max_detections), *shape)),
        )

    def _image_rows(
        self, truth: dict[int, Objects], found: dict[int, Detections]
    ) -> Iterator[np.ndarray]:
        """What to remember of the detections of one image; its objects are counted at once."""
        for label in sorted({*truth, *found}):
            if self.class_ids is not None and label not in self.class_ids:
                continue
            objects = truth.get(label, _NO_OBJECTS)
            boxes, scores = (
                values[: self.max_detections[-1]] for values in found.get(label, _NO_DETECTIONS)
            )
            right, wrong = match(boxes, objects, self._thresholds, _RANGES)
            self._log.add_objects(label, (~objects.ignored(_RANGES)).sum(axis=1))
            yield self._log.rows(label, scores, right, wrong)


def _mean(values: np.ndarray) -> float:
    """Mean of the numbers there are; -1 for none."""
    values = values[~np.isnan(values)]
    return float(values.mean()) if values.size else -1.0


def _check_rising(name: str, values: Any, *, most: float) -> None:
    steps = [0, *values]
    if len(steps) < 2 or any(not a < b for a, b in pairwise(steps)) or steps[-1] > most:
        raise ConfigError(
            f"`{name}` must rise, from above 0 to {most} at most. Received: {list(values)}."
        )
