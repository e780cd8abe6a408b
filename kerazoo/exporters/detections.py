"""Files of detectors: what of them stays in float, and how two lists of boxes are compared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from kerazoo.errors import ExportError

_SAME = 0.5  # overlap from which on two boxes of a label are taken for one object


def suppresses(model: Any) -> bool:
    """Whether boxes come out of `model`, non-maximum suppression within."""
    from kerazoo.layers import NonMaximumSuppression

    return any(isinstance(layer, NonMaximumSuppression) for layer in model.layers)


def quantized_up_to_boxes(model: Any, samples: Mapping[str, np.ndarray], mode: str) -> Any:
    """`model` with 8 bits wherever there are convolutions, ranges from the samples; in float where
    boxes are decoded and compared: one scale cannot hold pixels, scores and labels.

    Raises:
        ExportError: a mode with integers at the end of the file, or of 16 bits.
    """
    if mode != "int8":
        raise ExportError(
            f"quantize={mode!r} is not for {model.name!r}, whose boxes stay in float. "
            f"Use quantize='int8'."
        )
    from kerazoo.compress.calibrate import calibrate
    from kerazoo.compress.quantize_aware import quantize_aware

    name = model.name
    quantized = quantize_aware(model, scheme="int8", skip=_ends(model))
    quantized = calibrate(quantized, list(samples.values()))
    quantized.name = name
    return quantized


def _ends(model: Any) -> list[str]:
    """Names of all layers behind the last ones that have weights."""
    found: dict[str, Any] = {}
    layers = [output._keras_history.operation for output in model.outputs]
    while layers:
        layer = layers.pop()
        parents = [parent.operation for parent in layer._inbound_nodes[0].parent_nodes]
        if layer.name not in found and parents and not getattr(layer, "weights", ()):
            found[layer.name] = layer
            layers += parents
    return list(found)


def weighted_pairs(expected: np.ndarray, found: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two lists of detections, `(images, n, 6)`, as arrays that can be compared number by number.

    Two boxes whose scores hardly differ may change places, and one whose score is about the least
    may be there or not: neither is an error of the file. So each expected row is put beside the
    found one of its label that overlaps it most, by half at least, and all numbers but the score
    are multiplied by the score. What has no partner stands beside zeros.
    """
    pairs = [_pair(*image) for image in zip(expected, found, strict=True)]
    longest = max([1, *(len(one) for one, _ in pairs)])  # a row of zeros where nothing is found
    both = np.zeros((2, len(pairs), longest, 6))
    for number, sides in enumerate(pairs):
        for side, rows in enumerate(sides):
            both[side, number, : len(rows)] = rows
    both[..., :4] *= both[..., 4:5]
    both[..., 5] *= both[..., 4]
    return both[0], both[1]


def _pair(expected: np.ndarray, found: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows of one image, both sides as long as each other; those without a partner at the end."""
    expected, found = (rows[rows[:, 5] >= 0] for rows in (expected, found))
    free = list(range(len(found)))
    rows: list[tuple[np.ndarray, np.ndarray]] = []
    for one in expected:
        overlaps = [
            _overlap(one, found[number]) if found[number, 5] == one[5] else 0.0 for number in free
        ]
        best = int(np.argmax(overlaps)) if overlaps else -1
        is_there = best >= 0 and overlaps[best] >= _SAME
        rows.append((one, found[free.pop(best)] if is_there else np.zeros(6)))
    rows += [(np.zeros(6), found[number]) for number in free]
    if not rows:
        return np.zeros((0, 6)), np.zeros((0, 6))
    return np.stack([one for one, _ in rows]), np.stack([other for _, other in rows])


def _overlap(one: np.ndarray, other: np.ndarray) -> float:
    """Intersection over union."""
    low, high = np.maximum(one[:2], other[:2]), np.minimum(one[2:4], other[2:4])
    common = float(np.prod(np.maximum(high - low, 0)))
    areas = sum(float(np.prod(box[2:4] - box[:2])) for box in (one, other))
    return common / (areas - common) if common else 0.0
