"""Sentence polarity v1.0: 10,662 sentences of film reviews, half of them in praise.

Pang, Lee 2005, "Seeing stars"; also known as MR. The source has no split: every tenth sentence, in
an order drawn with seed 0, is a test one. rt_polarity_words.txt holds the words that two or more
sentences of the training part have (written by tools/vocabulary.py), the most frequent first.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from kerazoo.datasets import source
from kerazoo.datasets.dataset import Dataset
from kerazoo.datasets.text import Vocabulary
from kerazoo.errors import DataError

if TYPE_CHECKING:
    import numpy as np

LENGTH = 60
"""Words per sample; the longest sentence has 56."""
LEAST = 2
"""Sentences' words that are rarer are not in it: they teach what an unknown word means."""

_FILES = ("rt_polarity/rt-polarity.neg", "rt_polarity/rt-polarity.pos")
_HELP = (
    "Put rt-polarity.pos and rt-polarity.neg, as UTF-8, into a folder rt_polarity and set "
    "KERAZOO_DATA to the folder that it is in; both are in Pang and Lee's rt-polaritydata.tar.gz "
    "(www.cs.cornell.edu/people/pabo/movie-review-data)."
)


def read_sentences(split: str) -> tuple[list[str], np.ndarray]:
    """The sentences of "train" or "test" as text, and their labels: int64, 1 is praise."""
    import numpy as np

    negative, positive = (_lines(name) for name in _FILES)
    sentences = negative + positive
    labels = np.repeat([0, 1], [len(negative), len(positive)])
    order = np.random.RandomState(0).permutation(len(sentences))
    rows = order[::10] if split == "test" else np.delete(order, np.s_[::10])
    return [sentences[row] for row in rows], labels[rows]


def _lines(name: str) -> list[str]:
    path = source.find_file(name)
    if path is None:
        raise DataError(f"{name} is not here. {_HELP}")
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"Cannot read {path}: {error}. {_HELP}") from error
    return [line.strip() for line in lines if line.strip()]


def _read(split: str) -> tuple[np.ndarray, np.ndarray]:
    sentences, labels = read_sentences(split)
    return vocabulary().encode(sentences, length=LENGTH), labels


def _parse(text: str) -> np.ndarray:
    return vocabulary().encode([text], length=LENGTH)[0]


@cache
def vocabulary() -> Vocabulary:
    """The words that `mr_text_cnn` and `mr_text_lstm` know."""
    return Vocabulary.read(Path(__file__).with_name("rt_polarity_words.txt"))


DATASET = Dataset(
    name="rt_polarity",
    summary="Sentences of film reviews as 60 word numbers, int32, 0 after the end; two classes.",
    splits=("train", "test"),
    input_shape=(LENGTH,),
    class_names=("negative", "positive"),
    license="none stated for the text (Bo Pang, Lillian Lee, sentence polarity dataset v1.0)",
    read=_read,
    parse=_parse,
    text=lambda numbers: vocabulary().decode(numbers),
)
