"""What a classifier gets wrong: figures of each class, the confusion matrix, the worst mistakes.

report.json has all of it; confusion_matrix.png and worst_mistakes.png show it, where matplotlib is
installed (extra "plot").
"""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kerazoo import atomic
from kerazoo.notices import notice

if TYPE_CHECKING:
    from kerazoo.training.labelled_data import LabelledData

_SHOWN = 24
_LARGEST_MATRIX = 60  # classes; more would be dots


def write(folder: Path, data: LabelledData, logits: np.ndarray, shape: tuple[int, ...]) -> None:
    """Judge `logits`, `(samples, classes)`, of `data`, and write the report into `folder`."""
    names = _names(data, logits.shape[1])
    matrix = confusion_matrix(data.labels, logits.argmax(-1), len(names))
    mistakes = worst_mistakes(data.labels, logits)
    report = {
        "samples": len(data),
        "accuracy": float(np.trace(matrix) / len(data)),
        "classes": _classes(matrix, names),
        "confusion_matrix": matrix.tolist(),
        "worst_mistakes": [
            {
                "sample": data.source(number),
                "label": names[data.labels[number]],
                "predicted": names[predicted],
                "probability": round(probability, 4),
            }
            for number, predicted, probability in mistakes
        ],
    }
    atomic.write_text(folder / "report.json", json.dumps(report, indent=2))
    if importlib.util.find_spec("matplotlib") is None:
        notice("No pictures of the report: they need matplotlib, pip install 'kerazoo[plot]'.")
        return
    _save(folder / "confusion_matrix.png", _draw_matrix(matrix, names))
    if len(shape) == 3 and shape[2] in (1, 3) and mistakes:
        _save(folder / "worst_mistakes.png", _draw_mistakes(data, names, mistakes, shape))


def confusion_matrix(labels: np.ndarray, predicted: np.ndarray, num_classes: int) -> np.ndarray:
    """int64 counts, `(classes, classes)`: true class by row, predicted class by column."""
    cells = np.bincount(labels * num_classes + predicted, minlength=num_classes**2)
    return cells.reshape(num_classes, num_classes)


def worst_mistakes(labels: np.ndarray, logits: np.ndarray) -> list[tuple[int, int, float]]:
    """(sample, predicted class, its probability) of the surest wrong answers, surest first."""
    scores = np.exp(logits - logits.max(-1, keepdims=True).astype("float64"))
    scores /= scores.sum(-1, keepdims=True)
    predicted = logits.argmax(-1)
    wrong = np.flatnonzero(predicted != labels)
    order = wrong[np.argsort(-scores[wrong, predicted[wrong]], kind="stable")][:_SHOWN]
    return [(int(n), int(predicted[n]), float(scores[n, predicted[n]])) for n in order]


def _classes(matrix: np.ndarray, names: list[str]) -> dict[str, dict[str, Any]]:
    """Precision and recall, fractions; None where nothing was predicted, or nothing is there."""
    found, there = matrix.sum(0), matrix.sum(1)
    return {
        name: {
            "samples": int(there[n]),
            "precision": float(matrix[n, n] / found[n]) if found[n] else None,
            "recall": float(matrix[n, n] / there[n]) if there[n] else None,
        }
        for n, name in enumerate(names)
    }


def _names(data: LabelledData, count: int) -> list[str]:
    names = list(data.class_names or ())
    return names if len(names) == count else [str(number) for number in range(count)]


def _draw_matrix(matrix: np.ndarray, names: list[str]) -> Any:
    from matplotlib.figure import Figure

    count = len(names)
    side = min(20.0, 2.5 + 0.45 * count)
    figure = Figure(figsize=(side, side), layout="constrained")
    axes = figure.subplots()
    axes.imshow(matrix / np.maximum(matrix.sum(1, keepdims=True), 1), cmap="Blues", vmin=0, vmax=1)
    axes.set(xlabel="predicted", ylabel="true")
    if count <= _LARGEST_MATRIX:
        axes.set_xticks(range(count), names, rotation=90)
        axes.set_yticks(range(count), names)
        for row, column in zip(*np.nonzero(matrix), strict=True):
            dark = matrix[row, column] > matrix[row].sum() / 2
            axes.text(
                column,
                row,
                str(matrix[row, column]),
                ha="center",
                va="center",
                fontsize=8,
                color="white" if dark else "black",
            )
    return figure


def _draw_mistakes(
    data: LabelledData,
    names: list[str],
    mistakes: list[tuple[int, int, float]],
    shape: tuple[int, ...],
) -> Any:
    from matplotlib.figure import Figure

    columns = 6
    rows = -(-len(mistakes) // columns)
    figure = Figure(figsize=(2 * columns, 2.4 * rows), layout="constrained")
    for axes in figure.subplots(rows, columns, squeeze=False).flat:
        axes.set_axis_off()
    for axes, (number, predicted, probability) in zip(figure.axes, mistakes, strict=False):
        pixels = np.clip(data.sample(number, shape), 0, 255).astype(np.uint8)
        axes.imshow(pixels.squeeze(), cmap="gray" if shape[2] == 1 else None)
        title = f"{names[data.labels[number]]}\nnot {names[predicted]} ({probability:.0%})"
        axes.set_title(title, fontsize=8)
    return figure


def _save(path: Path, figure: Any) -> None:
    with atomic.replacing(path) as temporary:
        figure.savefig(temporary, dpi=100)
