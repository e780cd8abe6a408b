"""`Prediction`: a model's answer to one sample, in words and numbers."""

from __future__ import annotations

from typing import Any

import msgspec


class Box(msgspec.Struct, frozen=True):
    """One object that was found in an image.

    Attributes:
        label: the name of its class, or its number where there are no names.
        score: how sure the model is, 0 to 1.
        left, top, right, bottom: edges in pixels of the image file, upright, whatever its size, or
            of the array, from its left and top edge on.

    >>> import kerazoo
    >>> box = kerazoo.tasks.Box("RBC", 0.9, left=10.0, top=20.0, right=60.0, bottom=80.0)
    >>> box.right - box.left, box.bottom - box.top
    (50.0, 60.0)
    """

    label: str
    score: float
    left: float
    top: float
    right: float
    bottom: float


class Prediction(msgspec.Struct, frozen=True):
    """A model's answer to one sample.

    Attributes:
        source: the file or the text, or the row's number in an array.
        scores: label -> probability, the likeliest first; of a segmented image the share of its
            pixels; of a recommendation the score. Empty where there are no labels.
        values: the raw outputs: logits, or a regression's values in the target's unit; of a
            forecast all quantiles of the first step, then of the next. Empty where another
            attribute or a picture says it.
        text: what was heard, the translation, the middle of a forecast with its span; or scores
            that are no probabilities, in words. Empty for other tasks.
        boxes: of a detector, the surest first; empty for other tasks.

    >>> import kerazoo
    >>> answer = kerazoo.tasks.Prediction("seven.png", {"7": 0.75, "1": 0.25}, [1.1, 0.0])
    >>> next(iter(answer.scores)), answer.to_dict()["values"]
    ('7', [1.1, 0.0])
    """

    source: str
    scores: dict[str, float]
    values: list[float]
    text: str = ""
    boxes: list[Box] = []

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        return msgspec.to_builtins(self)
