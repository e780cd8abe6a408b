"""Word error rate of speech or handwriting recognition."""

from __future__ import annotations

from typing import Any

import keras

from kerazoo.metrics._error_rate import ErrorRate


@keras.saving.register_keras_serializable(package="kerazoo")
class WordErrorRate(ErrorRate):
    r"""(substitutions + deletions + insertions) / words of the references; 0 is perfect.

    The edits are the fewest that turn a reference into its hypothesis (Levenshtein distance of the
    words). Edits and words are summed over all texts and divided once, so long texts count for
    more. The value may exceed 1: hypotheses can have any number of wrong words too many.

    Words are what stands between white space. Case and punctuation count; normalise texts before
    if they should not. An empty reference adds no words, and each word of its hypothesis is an
    edit. If all references are empty, the value is the number of edits (as in jiwer). 0.0 before
    any data.

    `update_state(y_true, y_pred)` takes lists of strings (or arrays, or eager tensors of strings),
    as many references as hypotheses. It runs in Python, not in compiled functions: call it in a
    loop around `model.predict_on_batch`. State: two sums.

    Args:
        name, dtype: as for every Keras metric.

    Raises: `update_state` raises DataError for anything but strings, lists of unequal length, or
        sample weights.

    Source: Levenshtein 1966, "Binary codes capable of correcting deletions, insertions, and
    reversals", with words for its letters. Equal to `jiwer.wer`, but that jiwer parts words at
    spaces alone: not at a single tab, a line break or other white space of Unicode.

    >>> metric = kerazoo.metrics.WordErrorRate()
    >>> metric.update_state(["the cat sat", "hello world"], ["the bat sat", "hello"])
    >>> round(float(metric.result()), 4)  # one substitution and one deletion in five words
    0.4
    """

    def __init__(self, name: str = "word_error_rate", dtype: Any = None):
        super().__init__(name=name, dtype=dtype)

    @staticmethod
    def units(text: str) -> list[str]:
        return text.split()
