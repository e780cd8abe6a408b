"""Image segmentation: an image in; a class for each of its pixels out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from kerazoo.tasks.prediction import Prediction
from kerazoo.tasks.task import Task, draw_sample, labels_or_numbers

if TYPE_CHECKING:
    from kerazoo.datasets import Dataset

_OPACITY = 0.5
_LEAST_SHOWN = 0.002
"""Share of the pixels from which on a class is in the legend."""


class ImageSegmentation(Task):
    """Models with `(batch, height, width, classes)` logits or scores of each pixel."""

    measures = ("mean_iou", "pixel_accuracy")
    says_where = True

    def score(self, outputs: np.ndarray, targets: Any, data: Dataset) -> dict[str, float]:
        """Over all pixels of all images together, those that nobody labelled left out.

        `mean_iou`: the mean over classes of: pixels that are of the class and called so, divided by
        those that are either; a class that is neither anywhere is left out. `pixel_accuracy`: the
        fraction of pixels called what they are.
        """
        counts = _confusion(outputs, np.asarray(targets), data.ignored_label)
        hits, either = np.diag(counts), counts.sum(0) + counts.sum(1) - np.diag(counts)
        occurs = either > 0
        return {
            "mean_iou": float(np.mean(hits[occurs] / either[occurs])) if occurs.any() else np.nan,
            "pixel_accuracy": float(hits.sum() / max(counts.sum(), 1)),
        }

    def prediction(
        self, source: str, output: np.ndarray, data: Dataset | None, top: int
    ) -> Prediction:
        """The share of the pixels of each class that has some, the largest first."""
        labels, shares = labels_or_numbers(data, output.shape[-1]), _shares(output)
        largest = np.argsort(-shares, kind="stable")[:top]
        scores = {labels[number]: float(shares[number]) for number in largest if shares[number]}
        said = [f"{label} {share:.1%}" for label, share in scores.items()]
        said[0] += " of the pixels"
        return Prediction(source, scores, [], text=", ".join(said))

    def mask(self, sample: np.ndarray, output: np.ndarray) -> np.ndarray:
        """The class number of each pixel of the sample: that of the nearest answer."""
        called = output.argmax(-1).astype(np.uint8 if output.shape[-1] <= 256 else np.uint16)
        rows, columns = (
            (2 * np.arange(many) + 1) * few // (2 * many)  # middles of pixels, in whole numbers
            for many, few in zip(sample.shape[:2], called.shape, strict=True)
        )
        return called[rows[:, None], columns]

    def draw(self, axes: Any, sample: np.ndarray, output: np.ndarray, data: Dataset | None) -> None:
        """The image with a colour for each class laid over it, and what the colours mean."""
        from matplotlib import colormaps
        from matplotlib.patches import Patch

        labels, shares = labels_or_numbers(data, output.shape[-1]), _shares(output)
        colours = [colormaps["tab20"](number % 20) for number in range(len(labels))]
        draw_sample(axes, sample)
        height, width = sample.shape[:2]
        axes.imshow(
            np.array(colours)[output.argmax(-1)][..., :3],
            alpha=_OPACITY,
            interpolation="nearest",
            extent=(-0.5, width - 0.5, height - 0.5, -0.5),  # the sample's, which may be larger
        )
        shown = [n for n in np.argsort(-shares, kind="stable") if shares[n] >= _LEAST_SHOWN]
        patches = [Patch(color=colours[n], label=f"{labels[n]} {shares[n]:.1%}") for n in shown]
        axes.legend(
            handles=patches,
            title="share of the pixels",
            title_fontsize=7,
            loc="upper left",
            bbox_to_anchor=(1.01, 1),
            fontsize=7,
        )


def _confusion(outputs: np.ndarray, targets: np.ndarray, ignored: int | None) -> np.ndarray:
    """`(classes, classes)` numbers of pixels: what they are, by row; what they are called."""
    classes = outputs.shape[-1]
    counts = np.zeros(classes * classes, np.int64)
    for answer, target in zip(outputs, targets, strict=True):  # together they would fill the memory
        is_labelled = target != (-1 if ignored is None else ignored)
        pairs = target[is_labelled].astype(np.int64) * classes + answer.argmax(-1)[is_labelled]
        counts += np.bincount(pairs, minlength=classes * classes)
    return counts.reshape(classes, classes)


def _shares(output: np.ndarray) -> np.ndarray:
    """`(classes,)` fractions of the pixels."""
    called = output.argmax(-1)
    return np.bincount(called.reshape(-1), minlength=output.shape[-1]) / called.size


TASK = ImageSegmentation()
