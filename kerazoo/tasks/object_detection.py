"""Object detection: an image in; boxes with labels and scores out, one for each object."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from kerazoo.errors import DataError
from kerazoo.tasks.prediction import Box, Prediction
from kerazoo.tasks.task import Task, draw_sample

if TYPE_CHECKING:
    import keras

    from kerazoo.datasets import Dataset

MAX_DETECTIONS, CANDIDATES = 50, 300
"""Boxes that come out, and that are looked at: those of the highest scores."""
OVERLAP = 0.55
"""Of two boxes of a class, above which the one with the lower score goes; the best of 0.35 to 0.7
on the validation part of bccd."""
LEAST_SCORE = 0.05
"""Of what the deployed model gives, as average precision wants the unsure ones too."""
SHOWN = 0.4
"""The least score of what a person is told of."""

_COLOURS = ("tab:red", "tab:blue", "tab:green", "tab:orange", "tab:purple", "tab:cyan")


class ObjectDetection(Task):
    """Models of `anchor_free_detector`, or others with its output, on images of a fixed size."""

    measures = ("map_50", "map")
    is_decoded = True
    says_where = True

    def deployed(self, model: keras.Model, data: Dataset) -> keras.Model:
        """Images to `(batch, 50, 6)`: left, top, right, bottom in pixels of the model's input,
        score, label; the surest first, overlapping ones of a class suppressed; label -1 where there
        are no more."""
        import keras

        from kerazoo.layers import DecodeBoxes, NonMaximumSuppression

        grid, stride = _grid(model)
        candidates = min(CANDIDATES, grid[0] * grid[1])
        boxes = DecodeBoxes(grid, stride, name="boxes")(model.output)
        suppress = NonMaximumSuppression(
            min(MAX_DETECTIONS, candidates), candidates, OVERLAP, LEAST_SCORE, name="detections"
        )
        return keras.Model(model.input, suppress(boxes), name=f"{model.name}_deployed")

    def score(self, outputs: np.ndarray, targets: Any, data: Dataset) -> dict[str, float]:
        """COCO's mean average precision, at an overlap of 0.5 and over 0.5 to 0.95."""
        from kerazoo.metrics import BoxMeanAveragePrecision

        metric = BoxMeanAveragePrecision(max_detections=(1, 10, MAX_DETECTIONS))
        metric.update_state(
            {"boxes": targets[..., 1:], "labels": targets[..., 0].astype(int)},
            {
                "boxes": outputs[..., :4],
                "scores": outputs[..., 4],
                "labels": outputs[..., 5].round().astype(int),
            },
        )
        details = metric.details()
        return {name: details[name] for name in self.measures}

    def resized(
        self, output: np.ndarray, before: Sequence[int], after: Sequence[int]
    ) -> np.ndarray:
        """Edges times what the width and the height have become times as large."""
        across, down = after[1] / before[1], after[0] / before[0]
        return output * np.array([across, down, across, down, 1, 1])

    def prediction(
        self, source: str, output: np.ndarray, data: Dataset | None, top: int
    ) -> Prediction:
        """All boxes with a score of 0.4 or more; `top` is for labels, of which each box has one."""
        return Prediction(source, {}, [], boxes=_boxes(output, data))

    def draw(self, axes: Any, sample: np.ndarray, output: np.ndarray, data: Dataset | None) -> None:
        """The image with the boxes on it, a colour for each label."""
        from matplotlib.patches import Rectangle

        draw_sample(axes, sample)
        boxes = _boxes(output, data)
        labels = sorted({box.label for box in boxes})
        for box in boxes:
            colour = _COLOURS[labels.index(box.label) % len(_COLOURS)]
            # A picture's first pixel is drawn around 0, its edges are half a pixel beside that.
            corner, size = (
                (box.left - 0.5, box.top - 0.5),
                (box.right - box.left, box.bottom - box.top),
            )
            axes.add_patch(Rectangle(corner, *size, fill=False, edgecolor=colour, linewidth=1.2))
            axes.text(
                *corner, f"{box.label} {box.score:.0%}", color=colour, fontsize=5, va="bottom"
            )
        counts = [f"{sum(box.label == label for box in boxes)} {label}" for label in labels]
        axes.set_title(", ".join(counts) or "nothing found")


def _grid(model: keras.Model) -> tuple[list[int], int]:
    """Rows and columns of the model's cells, and the pixels between them."""
    shapes = tuple(model.input_shape), tuple(model.output_shape)
    if len(shapes[0]) == 4 and len(shapes[1]) == 3 and None not in shapes[0][1:3]:
        height, width = shapes[0][1:3]
        stride = round((height * width / shapes[1][1]) ** 0.5)
        if height // stride * (width // stride) == shapes[1][1]:
            return [height // stride, width // stride], stride
    raise DataError(
        f"{model.name!r} is no detector of a fixed size, (height, width, channels) to (cells, "
        f"classes + 5). Received: {shapes[0]} to {shapes[1]}."
    )


def _boxes(output: np.ndarray, data: Dataset | None) -> list[Box]:
    names = (data and data.class_names) or ()
    return [
        Box(_label(names, int(row[5])), *map(float, (row[4], *row[:4])))
        for row in output[(output[:, 4] >= SHOWN) & (output[:, 5] >= 0)]
    ]


def _label(names: Sequence[str], number: int) -> str:
    """Its number, for a class that the dataset does not have."""
    return names[number] if number < len(names) else str(number)


TASK = ObjectDetection()
