"""Text classification: scores like any other's, drawn beneath the words that were read."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

from kerazoo.tasks.task import Task, text_of

if TYPE_CHECKING:
    import numpy as np

    from kerazoo.datasets import Dataset

_LINE = 60  # letters that fit above the bars


class TextClassification(Task):
    """The model's outputs are the answer."""

    def draw(self, axes: Any, sample: np.ndarray, output: np.ndarray, data: Dataset | None) -> None:
        """The words, as the model read them, above a bar for each label."""
        scores = self.prediction("", output, data, top=output.shape[-1]).scores
        labels = list(reversed(scores))
        axes.barh(labels, [scores[label] for label in labels], color="#0072b2", height=0.5)
        for number, label in enumerate(labels):
            axes.text(scores[label] + 0.01, number, f"{scores[label]:.1%}", va="center")
        axes.set_xlim(0, 1.12)
        axes.set_xticks([])
        axes.spines[["top", "right", "bottom"]].set_visible(False)
        axes.set_title(textwrap.fill(text_of(data, sample), _LINE), loc="left", fontsize=11)


TASK = TextClassification()
