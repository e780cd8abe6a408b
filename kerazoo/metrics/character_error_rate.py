"""Character error rate of speech or handwriting recognition."""

from __future__ import annotations

from typing import Any

import keras

from kerazoo.metrics._error_rate import ErrorRate


@keras.saving.register_keras_serializable(package="kerazoo")
class CharacterErrorRate(ErrorRate):
    r"""(substitutions + deletions + insertions) / characters of the references; 0 is perfect.

    The edits are the fewest that turn a reference into its hypothesis (Levenshtein distance).
    Edits and characters are summed over all texts and divided once. The value may exceed 1.

    White space at both ends is dropped, inside it counts. Characters are Unicode code points: "é"
    is one or two of them depending on how it was typed, and a flag or a family emoji several.
    Bring both sides to one form first (`unicodedata.normalize("NFC", text)`).

    Empty references, the way it is called, errors and state: as in `WordErrorRate`.

    Source: Levenshtein 1966, "Binary codes capable of correcting deletions, insertions, and
    reversals". Equal to `jiwer.cer`.

    Args:
        name, dtype: as for every Keras metric.

    Raises: `update_state` raises DataError for anything but strings, lists of unequal length, or
        sample weights.

    >>> metric = kerazoo.metrics.CharacterErrorRate()
    >>> metric.update_state(["kitten"], ["sitting"])
    >>> float(metric.result())  # 3 edits in 6 characters
    0.5
    """

    def __init__(self, name: str = "character_error_rate", dtype: Any = None):
        super().__init__(name=name, dtype=dtype)

    @staticmethod
    def units(text: str) -> list[str]:
        return list(text.strip())
