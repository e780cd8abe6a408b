#!/usr/bin/env python
"""Write the word list of `rt_polarity`, or the subwords of `multi30k`. For maintainers.

    KERAZOO_DATA=... python tools/vocabulary.py multi30k

Both are learned from the training part alone.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from kerazoo.datasets import multi30k, rt_polarity
from kerazoo.datasets.subwords import Subwords
from kerazoo.datasets.text import Vocabulary


def main() -> None:
    """Beside the module that reads it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dataset", choices=sorted(_WRITERS))
    print(_WRITERS[parser.parse_args().dataset](Path(multi30k.__file__).parent))


def _write_words(folder: Path) -> str:
    sentences, _ = rt_polarity.read_sentences("train")
    words = Vocabulary.of(sentences, least=rt_polarity.LEAST).words
    path = folder / "rt_polarity_words.txt"
    path.write_text("\n".join(words) + "\n", encoding="utf-8")
    return f"{path.name}: {len(words):,} words of {len(sentences):,} sentences"


def _write_subwords(folder: Path) -> str:
    sentences = [" ".join(text.split()) for pair in multi30k.read_pairs("train") for text in pair]
    others = len(Subwords([]))  # bytes and marks
    subwords = Subwords.learned_from(sentences, pieces=multi30k.NUMBERS - others)
    path = folder / "multi30k_pieces.txt"
    subwords.write(path)
    return f"{path.name}: {len(subwords.pieces):,} pieces of {len(sentences):,} sentences"


_WRITERS = {"rt_polarity": _write_words, "multi30k": _write_subwords}


if __name__ == "__main__":
    main()
