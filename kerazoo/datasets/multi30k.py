"""Multi30k: descriptions of photographs in English, and in German by translators.

Elliott, Frank, Sima'an, Specia 2016, doi:10.18653/v1/W16-3210. The official parts: 29,000 pairs to
train with, 1,014 to choose with, and 1,000 of the test of 2016 (Flickr). Text is raw: neither split
into words nor put in lower case. multi30k_pieces.txt holds the subwords of both languages, learned
from the training part (tools/vocabulary.py).
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from kerazoo.datasets import source
from kerazoo.datasets.arrays import Arrays
from kerazoo.datasets.dataset import Dataset
from kerazoo.datasets.subwords import END, PADDING, START, Subwords
from kerazoo.errors import DataError

if TYPE_CHECKING:
    import numpy as np

LENGTH = 48
"""Pieces per sample, the mark of its end among them. Longer pairs, 9 of the training part, are left
out; of the other parts one German sentence is longer, and is cut."""
NUMBERS = 8000
"""Subwords of both languages together, bytes and marks included."""

_FILES = {"train": "train", "validation": "val", "test": "test_2016_flickr"}
_HELP = (
    "Put train, val and test_2016_flickr, each with .en.gz and .de.gz, into a folder multi30k and "
    "set KERAZOO_DATA to the folder that it is in; they are in data/task1/raw of "
    "github.com/multi30k/dataset."
)


def read_pairs(split: str) -> list[tuple[str, str]]:
    """The sentences of a part, English and German, as they are in the files."""
    english, german = (
        _lines(f"multi30k/{_FILES[split]}.{language}.gz") for language in ("en", "de")
    )
    if len(english) != len(german):
        raise DataError(
            f"multi30k: {_FILES[split]} has {len(english)} English and {len(german)} German lines. "
            f"{_HELP}"
        )
    return list(zip(english, german, strict=True))


def _lines(name: str) -> list[str]:
    path = source.find_file(name)
    if path is None:
        raise DataError(f"{name} is not here. {_HELP}")
    try:
        with gzip.open(path, "rt", encoding="utf-8", newline="\n") as file:
            return file.read().removesuffix("\n").split("\n")
    except (OSError, EOFError, UnicodeDecodeError, zlib.error) as error:
        raise DataError(f"Cannot read {path}: {error}. {_HELP}") from error


def _read(split: str) -> tuple[Arrays, np.ndarray]:
    pairs = read_pairs(split)
    if split == "train":  # what is compared with other figures stays as it is
        pairs = [(_tidy(english), _tidy(german)) for english, german in pairs]
    numbers = [tuple(map(subwords().encode, pair)) for pair in pairs]
    if split == "train":
        numbers = [pair for pair in numbers if max(map(len, pair)) < LENGTH]
    sources = _rows([english for english, _ in numbers])
    targets = _rows([german for _, german in numbers])
    return {"source": sources, "prefix": prefix_of(targets)}, targets


def _tidy(text: str) -> str:
    return " ".join(text.split())


def _rows(sentences: Sequence[list[int]]) -> np.ndarray:
    """int32 `(sentences, LENGTH)`: each cut if need be, its end marked, and padded."""
    import numpy as np

    rows = np.full((len(sentences), LENGTH), PADDING, np.int32)
    for row, numbers in zip(rows, sentences, strict=True):
        marked = [*numbers[: LENGTH - 1], END]
        row[: len(marked)] = marked
    return rows


def prefix_of(targets: np.ndarray) -> np.ndarray:
    """What a decoder has seen when it is asked for each of `targets`: the start, then the pieces
    before; padding where `targets` is padded."""
    import numpy as np

    prefix = np.full_like(targets, PADDING)
    prefix[:, 0] = START
    prefix[:, 1:] = np.where(targets[:, 1:] == PADDING, PADDING, targets[:, :-1])
    return prefix


def _parse(text: str) -> np.ndarray:
    numbers = subwords().encode(_tidy(text))
    if not 0 < len(numbers) < LENGTH:
        raise DataError(
            f"A sentence to translate must have 1 to {LENGTH - 1} pieces, about "
            f"{LENGTH * 3 // 4} words. Received: {len(numbers)} pieces, {text[:40]!r}."
        )
    return _rows([numbers])[0]


def _text(numbers: np.ndarray) -> str:
    return subwords().decode(int(number) for number in numbers)


@cache
def subwords() -> Subwords:
    """The subwords that `multi30k_translator` knows."""
    return Subwords.read(Path(__file__).with_name("multi30k_pieces.txt"))


_EXAMPLES = (
    "A man is riding a horse.",
    "Two dogs are playing in the snow.",
    "A woman in a red dress is walking down the street.",
    "Three children are sitting on a bench.",
    "A boy jumps into the water.",
    "People are standing in front of a large building.",
    "A girl with long hair is holding a book.",
    "An old man is sleeping on a train.",
    "A group of people is having dinner at a table.",
    "A young woman takes a picture of her friend.",
    "Two men in blue shirts are working on a roof.",
    "A little girl is eating ice cream.",
    "A man plays the guitar on a stage.",
    "A black dog runs across the grass with a ball in its mouth.",
    "Several cyclists are racing through the city.",
    "A woman is cooking in a kitchen.",
)

DATASET = Dataset(
    name="multi30k",
    summary=(
        "Descriptions of photographs, English to German, as 48 subword numbers, int32, 0 after the "
        "end: source; prefix, the target moved one step on; target."
    ),
    splits=("train", "validation", "test"),
    input_shape={"source": (LENGTH,), "prefix": (LENGTH,)},
    class_names=None,
    license="none stated for the text (multi30k/dataset); take it as for research and education",
    read=_read,
    parse=_parse,
    examples=_EXAMPLES,
    text=_text,
)
