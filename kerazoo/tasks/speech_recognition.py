"""Speech recognition: sound in, words out, by models that are trained with CTC."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from kerazoo.tasks.prediction import Prediction
from kerazoo.tasks.task import Task

if TYPE_CHECKING:
    from kerazoo.datasets import Dataset

BLANK = 0
"""The class of frames that say nothing new, as in `keras.losses.CTC`."""


class SpeechRecognition(Task):
    """Models of frames, `(batch, frames, classes)` logits; the likeliest class of each is taken.

    A file gives the logits too: what is left to do is to drop repeats, then blanks.
    """

    measures = ("word_error_rate",)

    def score(self, outputs: np.ndarray, targets: Any, data: Dataset) -> dict[str, float]:
        """Wrong, missing and surplus words, over the words that were said."""
        from kerazoo.metrics import WordErrorRate

        metric = WordErrorRate()
        metric.update_state(
            [_text(data, target) for target in targets], [_heard(data, row) for row in outputs]
        )
        return {"word_error_rate": float(metric.result())}

    def prediction(
        self, source: str, output: np.ndarray, data: Dataset | None, top: int
    ) -> Prediction:
        return Prediction(source, {}, [], text=_heard(data, output))

    def draw(self, axes: Any, sample: np.ndarray, output: np.ndarray, data: Dataset | None) -> None:
        """The spectrogram, each word under the frames in which it was heard."""
        from kerazoo.datasets.fsdd import RATE
        from kerazoo.layers import LogMelSpectrogram

        bands = np.asarray(LogMelSpectrogram(RATE)(sample[None].astype("float32")))[0]
        axes.imshow(bands.T, origin="lower", aspect="auto", extent=(0, 1, 0, bands.shape[1]))
        words = greedy_words(output)
        labels = [_text(data, [number]) for number, _ in words]
        axes.set_xticks([place for _, place in words], labels=labels)
        axes.set_ylabel("mel band")
        axes.set_title(f"{len(sample) / RATE:.1f} seconds: {_heard(data, output) or 'nothing'}")


def greedy_words(logits: np.ndarray) -> list[tuple[int, float]]:
    """The classes that `(frames, classes)` logits say one after another, each with the middle of
    its frames as a share of all: the likeliest of each frame, repeats and blanks left out.

    Source: Graves, Fernandez, Gomez, Schmidhuber 2006, section 3.2, "best path decoding".
    """
    path = logits.argmax(axis=-1)
    starts = np.flatnonzero(np.diff(path, prepend=-1))
    stops = [*starts[1:], len(path)]
    return [
        (int(path[start]), float(start + stop) / 2 / len(path))
        for start, stop in zip(starts, stops, strict=True)
        if path[start] != BLANK
    ]


def _heard(data: Dataset | None, output: np.ndarray) -> str:
    return _text(data, [number for number, _ in greedy_words(output)])


def _text(data: Dataset | None, numbers: Any) -> str:
    if data is None or data.text is None:
        return " ".join(str(int(number)) for number in numbers if number != BLANK)
    return data.text(numbers)


TASK = SpeechRecognition()
