"""BLEU, the bilingual evaluation understudy (Papineni, Roukos, Ward, Zhu 2002, ACL P02-1040)."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from kerazoo.argument_checks import check_integer, check_number
from kerazoo.errors import ConfigError, DataError, unknown_name
from kerazoo.metrics._bleu_tokenizers import TOKENIZERS
from kerazoo.metrics._compensated_sum import add_to, value_of
from kerazoo.metrics._host_values import (
    check_as_many,
    check_no_weights,
    host_array,
    host_strings,
)
from kerazoo.metrics._ngram_matches import ngram_matches

SMOOTHING = {"none": 0.0, "floor": 0.1, "add-k": 1.0, "exp": 0.0}  # and the value each takes


@keras.saving.register_keras_serializable(package="kerazoo")
class BLEU(keras.metrics.Metric):
    r"""Corpus BLEU, 0 to 1: n-gram precision of translations, less what is too short.

    `min(1, exp(1 - r / c)) * exp(mean over n = 1..max_order of log(p_n))` with `p_n` the share of
    the hypotheses' n-grams that stand in a reference (no more often than there), `c` the tokens of
    the hypotheses, `r` those of the references nearest in length. All are summed over the corpus
    before anything is divided: the value is no mean of sentence scores. 0.0 before any data.

    Equal to sacrebleu's `corpus_bleu`, which gives a hundred times as much (its name for this
    default: `nrefs:var|case:mixed|eff:no|tok:13a|smooth:exp`).

    `update_state(y_true, y_pred)`: `y_pred` is a list of strings (or array, or eager tensor of
    strings); `y_true` has for each of them one string, or a list of one or more (any number). Give
    plain text, not tokenized. It runs in Python, not in compiled functions: call it in a loop
    around `model.predict_on_batch`. State: `2 * max_order + 2` sums.

    Args:
        max_order: longest n-gram, 1 or more.
        smoothing: what an order without a match counts as. "none": 0, and with it the whole.
            "floor": `smoothing_value` matches. "add-k": `smoothing_value` more matches and n-grams
            in every order above 1. "exp": half a match, the next such order a quarter ... (NIST).
        smoothing_value: above 0; None is 0.1 for "floor" and 1 for "add-k", the only ones with it.
        tokenize: "13a" (NIST's mteval-v13a, for languages with spaces), "char" (every character
            but white space, for those without) or "none" (split at white space).
        lowercase: compare in lower case.
        effective_order: leave out orders longer than every hypothesis; for single sentences.
        name, dtype: as for every Keras metric.

    Raises: ConfigError or UnknownNameError for arguments out of range; `update_state` raises
        DataError for anything but strings, lists of unequal length, or sample weights.

    >>> metric = kerazoo.metrics.BLEU()
    >>> metric.update_state([["the cat is on the mat", "a cat sat"]], ["the cat sat on the mat"])
    >>> round(float(metric.result()), 4)
    0.4273
    """

    def __init__(
        self,
        max_order: int = 4,
        smoothing: str = "exp",
        smoothing_value: float | None = None,
        tokenize: str = "13a",
        lowercase: bool = False,
        effective_order: bool = False,
        name: str = "bleu",
        dtype: Any = None,
    ):
        super().__init__(name=name, dtype=dtype)
        if tokenize not in TOKENIZERS:
            raise unknown_name("tokenizer", tokenize, TOKENIZERS)
        self.max_order = check_integer("max_order", max_order)
        self.tokenize, self.lowercase = tokenize, lowercase
        self.smoothing_value = _checked_value(smoothing, smoothing_value)
        self.smoothing = smoothing
        self.effective_order = effective_order
        self._direction = "up"  # what mode="auto" of Keras's callbacks asks for
        self.sums = self.add_variable(
            (2, 2, self.max_order + 1), "zeros", dtype="float32", name="sums"
        )

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        check_no_weights(sample_weight)
        hypotheses, references = host_strings(y_pred, "y_pred"), _reference_lists(y_true)
        check_as_many(references, hypotheses)
        counts = np.zeros((2, self.max_order + 1), "int64")
        for hypothesis, texts in zip(hypotheses, references, strict=True):
            tokens = [self._tokens(text) for text in texts]
            counts += ngram_matches(self._tokens(hypothesis), tokens, self.max_order)
        add_to(self.sums, ops.convert_to_tensor(counts, dtype="float32"))

    def result(self) -> Any:
        sums = value_of(self.sums)  # rows as `ngram_matches` has them
        length, totals, reference, matches = sums[0, 0], sums[0, 1:], sums[1, 0], sums[1, 1:]
        found = ops.any(matches > 0)
        matches, totals = self._smoothed(matches, totals)
        used = ops.logical_or(totals > 0, not self.effective_order)
        logs = ops.where(used, ops.log(ops.divide_no_nan(matches, totals)), 0.0)
        orders = ops.maximum(ops.sum(ops.cast(used, logs.dtype)), 1)
        brevity = ops.exp(ops.minimum(1 - reference / ops.maximum(length, 1), 0))
        score = ops.where(found, brevity * ops.exp(ops.sum(logs) / orders), 0.0)
        return ops.cast(score, self.dtype)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "max_order": self.max_order,
            "smoothing": self.smoothing,
            "smoothing_value": self.smoothing_value,
            "tokenize": self.tokenize,
            "lowercase": self.lowercase,
            "effective_order": self.effective_order,
        }

    def _tokens(self, text: str) -> list[str]:
        # sacrebleu's order: a line break at the end is no break within the line.
        text = text.lower() if self.lowercase else text
        return TOKENIZERS[self.tokenize](text.rstrip())

    def _smoothed(self, matches: Any, totals: Any) -> tuple[Any, Any]:
        """Chen and Cherry 2014, "A systematic comparison of smoothing techniques", methods 1-3."""
        value = SMOOTHING[self.smoothing] if self.smoothing_value is None else self.smoothing_value
        if self.smoothing == "add-k":
            more = ops.convert_to_tensor([0.0] + [value] * (self.max_order - 1), matches.dtype)
            return matches + more, totals + more
        missing = ops.logical_and(matches == 0, totals > 0)
        if self.smoothing == "exp":
            value = 0.5 ** ops.cumsum(ops.cast(missing, matches.dtype))
        return ops.where(missing, value, matches), totals


def _reference_lists(y_true: Any) -> list[list[str]]:
    """For each hypothesis, its references."""
    if not isinstance(y_true, (list, tuple, str, bytes)):
        y_true = host_array(y_true, "y_true").tolist()
    if isinstance(y_true, (str, bytes)):
        raise DataError(f"`y_true` must be a list. Received: {y_true!r}.")
    lists = [
        host_strings([texts] if isinstance(texts, (str, bytes)) else texts, "y_true")
        for texts in y_true
    ]
    if not all(lists):
        raise DataError(
            "`y_true` must have a reference, if an empty one, for each text. "
            f"Received: none for text {lists.index([])}, counted from 0."
        )
    return lists


def _checked_value(smoothing: str, value: Any) -> float | None:
    if smoothing not in SMOOTHING:
        raise unknown_name("smoothing", smoothing, SMOOTHING)
    if value is None:
        return None
    if smoothing not in ("floor", "add-k"):
        raise ConfigError(
            '`smoothing_value` is for "floor" and "add-k" alone. '
            f"Received: smoothing={smoothing!r}, smoothing_value={value!r}."
        )
    return check_number("smoothing_value", value, above=0)
