"""Boxes in the formats of `keras.utils.bounding_boxes` that are in pixels, as corner and size.

In NumPy and float64, since an overlap of exactly one half must stay one.
"""

from __future__ import annotations

import numpy as np


def _from_xyxy(boxes: np.ndarray) -> np.ndarray:
    return np.concatenate([boxes[..., :2], boxes[..., 2:] - boxes[..., :2]], axis=-1)


def _from_yxyx(boxes: np.ndarray) -> np.ndarray:
    return _from_xyxy(boxes[..., [1, 0, 3, 2]])


def _from_xywh(boxes: np.ndarray) -> np.ndarray:
    return boxes


def _from_center_xywh(boxes: np.ndarray) -> np.ndarray:
    return np.concatenate([boxes[..., :2] - boxes[..., 2:] / 2, boxes[..., 2:]], axis=-1)


# Each takes and gives `(..., 4)`; what they give is left, top, width, height.
TO_XYWH = {
    "xyxy": _from_xyxy,
    "yxyx": _from_yxyx,
    "xywh": _from_xywh,
    "center_xywh": _from_center_xywh,
}
