#!/usr/bin/env python
"""Write the word list of `rt_polarity` from its training part. For maintainers.

KERAZOO_DATA=... python tools/vocabulary.py
"""

from __future__ import annotations

from pathlib import Path

from kerazoo.datasets import rt_polarity
from kerazoo.datasets.text import Vocabulary


def main() -> None:
    """Beside the module that reads it."""
    sentences, _ = rt_polarity.read_sentences("train")
    words = Vocabulary.of(sentences, least=rt_polarity.LEAST).words
    path = Path(rt_polarity.__file__).with_name("rt_polarity_words.txt")
    path.write_text("\n".join(words) + "\n", encoding="utf-8")
    print(f"{path.name}: {len(words):,} words of {len(sentences):,} sentences")


if __name__ == "__main__":
    main()
