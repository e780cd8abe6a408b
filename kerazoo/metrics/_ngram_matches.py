"""The counts that BLEU is made of, for one hypothesis and its references (Papineni 2002)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np


def ngram_matches(
    hypothesis: Sequence[str], references: Sequence[Sequence[str]], max_order: int
) -> np.ndarray:
    """Lengths, matches and totals of one text.

    Returns: int, `(2, max_order + 1)`. First row: tokens of the hypothesis, then its n-grams of
        each order 1 to `max_order`. Second row: tokens of the reference nearest in length (of two,
        the shorter), then how many of the n-grams match. An n-gram matches no more often than it
        stands in the reference that has most of it ("clipped").
    """
    length = len(hypothesis)
    nearest = min(map(len, references), key=lambda other: (abs(other - length), other))
    counts = [[length], [nearest]]
    for order in range(1, max_order + 1):
        found = _ngrams(hypothesis, order)
        allowed: Counter = Counter()
        for reference in references:
            allowed |= _ngrams(reference, order)  # the larger count of the two
        counts[0].append(sum(found.values()))
        counts[1].append(sum((found & allowed).values()))
    return np.array(counts)


def _ngrams(tokens: Sequence[str], order: int) -> Counter:
    return Counter(zip(*(tokens[start:] for start in range(order)), strict=False))
