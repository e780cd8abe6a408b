"""English sentences as words, and words as the numbers that models take."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

PADDING, UNKNOWN = 0, 1
"""What stands after a sentence's end, and for a word that the vocabulary has not."""

_WORD = re.compile(r"[a-z0-9]+(?=n't)|n't|'(?:s|ve|re|d|ll|m)\b|[a-z0-9]+|[,!?()]")


def split_words(text: str) -> list[str]:
    """The words of a sentence, in lower case, and five punctuation marks.

    After Kim 2014: "n't", "'s" and their like are words of their own, other signs are dropped. So
    that whatever a person types is split as the data was, accents are dropped too.

    >>> from kerazoo.datasets.text import split_words
    >>> split_words("It isn't a cliché -- it's GOOD!")
    ['it', 'is', "n't", 'a', 'cliche', 'it', "'s", 'good', '!']
    """
    plain = unicodedata.normalize("NFKD", text.replace("\u2019", "'")).encode("ascii", "ignore")
    return _WORD.findall(plain.decode().lower())


class Vocabulary:
    """Words by number: 0 is padding, 1 any word that is not here, 2 the first of `words`.

    >>> from kerazoo.datasets.text import Vocabulary
    >>> Vocabulary(["a", "film"]).encode(["a moving film"], length=5).tolist()
    [[2, 1, 3, 0, 0]]
    """

    def __init__(self, words: Sequence[str]):
        self.words = tuple(words)
        self._numbers = {word: number for number, word in enumerate(words, start=UNKNOWN + 1)}

    @classmethod
    def of(cls, texts: Iterable[str], *, least: int = 1) -> Vocabulary:
        """All words that `texts` have `least` times or more, the most frequent first."""
        counts = Counter(word for text in texts for word in split_words(text))
        kept = [word for word, count in counts.items() if count >= least]
        return cls(sorted(kept, key=lambda word: (-counts[word], word)))

    @classmethod
    def read(cls, path: Path) -> Vocabulary:
        """A text file with one word a line."""
        return cls(path.read_text(encoding="utf-8").split())

    def __len__(self) -> int:
        """Numbers in use: the words, padding and unknown."""
        return len(self.words) + UNKNOWN + 1

    def decode(self, numbers: np.ndarray) -> str:
        """What `encode` kept of a text: words in a row, `[?]` for those that are not here.

        >>> from kerazoo.datasets.text import Vocabulary
        >>> Vocabulary(["a", "film"]).decode([2, 1, 3, 0, 0])
        'a [?] film'
        """
        known = ("", "[?]", *self.words)
        return " ".join(known[int(number)] for number in numbers if number != PADDING)

    def encode(self, texts: Sequence[str], *, length: int) -> np.ndarray:
        """int32 `(texts, length)`; what a text has beyond `length` words is left out."""
        import numpy as np

        numbers = np.full((len(texts), length), PADDING, np.int32)
        for row, text in zip(numbers, texts, strict=True):
            words = split_words(text)[:length]
            row[: len(words)] = [self._numbers.get(word, UNKNOWN) for word in words]
        return numbers
