"""BLEU against its definition with fractions and plain loops."""

import math
import random
from fractions import Fraction

import numpy as np
import pytest

from kerazoo.errors import ConfigError, DataError, UnknownNameError
from kerazoo.metrics import BLEU
from kerazoo.metrics._bleu_tokenizers import TOKENIZERS

CASES = 60
WORDS = ["the", "cat", "sat", "on", "a", "mat", "The"]


def occurrences(ngram, tokens):
    return sum(tokens[i : i + len(ngram)] == ngram for i in range(len(tokens)))


def by_definition(references, hypotheses, max_order, smoothing="none", value=0):
    """Papineni et al. 2002, sections 2.1 to 2.3; tokens between spaces."""
    hypotheses = [text.split() for text in hypotheses]
    references = [[text.split() for text in texts] for texts in references]
    product, below = 1.0, 0
    for order in range(1, max_order + 1):
        matches = total = Fraction(0)
        for hypothesis, texts in zip(hypotheses, references, strict=True):
            ngrams = [hypothesis[i : i + order] for i in range(len(hypothesis) - order + 1)]
            total += len(ngrams)
            for ngram in {tuple(ngram) for ngram in ngrams}:
                most = max(occurrences(list(ngram), text) for text in texts)
                matches += min(ngrams.count(list(ngram)), most)
        if order == 1 and not matches:
            return 0.0
        if smoothing == "add-k" and order > 1:
            matches, total = matches + Fraction(value), total + Fraction(value)
        if total and not matches:
            below += smoothing == "exp"
            matches = {"exp": Fraction(1, 2**below), "floor": Fraction(value or 0)}.get(
                smoothing, 0
            )
        product *= float(matches / total) ** (1 / max_order) if total else 0
    length = sum(map(len, hypotheses))
    nearest = sum(
        min((abs(len(text) - len(hypothesis)), len(text)) for text in texts)[1]
        for hypothesis, texts in zip(hypotheses, references, strict=True)
    )
    return product * min(1, math.exp(1 - nearest / length))


def draw_corpus(rng):
    def line():
        return " ".join(rng.choice(WORDS) for _ in range(rng.randint(0, 9)))

    references = [[line() for _ in range(rng.randint(1, 3))] for _ in range(rng.randint(1, 5))]
    return references, [rng.choice([line(), texts[0]]) for texts in references]


@pytest.mark.parametrize("smoothing", ["none", "floor", "add-k", "exp"])
def test_is_its_definition(smoothing):
    """Any number of references, empty texts, orders beyond every text, clipped repetitions."""
    for seed in range(CASES):
        rng = random.Random(seed)
        references, hypotheses = draw_corpus(rng)
        order = rng.randint(1, 5)
        value = rng.choice([0.25, 0.5]) if smoothing in ("floor", "add-k") else None
        metric = BLEU(order, smoothing, value, tokenize="none")
        metric.update_state(references, hypotheses)
        expected = by_definition(references, hypotheses, order, smoothing, value)
        assert float(metric.result()) == pytest.approx(expected, abs=1e-6), seed


def test_the_example_of_the_paper():
    """Candidate of "the" alone: 2 of 7 unigrams count (section 2.1)."""
    metric = BLEU(max_order=1, lowercase=True)
    references = ["The cat is on the mat.", "There is a cat on the mat."]
    metric.update_state([references], ["the the the the the the the"])
    assert float(metric.result()) == pytest.approx(2 / 7)


def test_effective_order_leaves_out_orders_no_text_has():
    plain, effective = BLEU(), BLEU(effective_order=True)
    for metric in (plain, effective):
        metric.update_state(["the cat"], ["the cat"])
    assert (float(plain.result()), float(effective.result())) == (0.0, 1.0)


def test_is_of_the_corpus_not_a_mean_over_sentences():
    rng = random.Random(0)
    corpus = [draw_corpus(rng) for _ in range(50)]
    one, fifty = BLEU(tokenize="none"), BLEU(tokenize="none")
    assert float(one.result()) == 0.0
    one.update_state([r for texts, _ in corpus for r in texts], [h for _, hs in corpus for h in hs])
    for texts, hypotheses in corpus:
        fifty.update_state(texts, hypotheses)
    fifty.update_state([], [])
    expected = by_definition(
        [r for texts, _ in corpus for r in texts], [h for _, hs in corpus for h in hs], 4, "exp"
    )
    assert float(one.result()) == pytest.approx(expected, abs=1e-6)
    assert float(fifty.result()) == pytest.approx(float(one.result()), rel=1e-5)
    fifty.reset_state()
    assert float(fifty.result()) == 0.0


@pytest.mark.parametrize(
    ("line", "tokens"),
    [
        ("Hello, world.", "Hello , world ."),
        ("It's 3.5 or 1,000 (a lot)!", "It's 3.5 or 1,000 ( a lot ) !"),
        ("x-y 5-6 -1 U.S.", "x-y 5 - 6 -1 U . S ."),
        ("&quot;a&quot; &amp; &lt;b&gt;<skipped>", '" a " & < b >'),
        ("hyphen-\nated line\nbreak", "hyphenated line break"),
        ("$5 50% a/b c@d éü", "$ 5 50 % a / b c @ d éü"),
    ],
)
def test_tokens_of_mteval_13a(line, tokens):
    assert TOKENIZERS["13a"](line) == tokens.split()


def test_one_reference_each_and_arrays_and_bytes():
    results = []
    for y_true, y_pred in (
        (["the cat sat on a mat"], ["the cat sat on the mat"]),
        (np.array(["the cat sat on a mat"]), np.array(["the cat sat on the mat"])),
        (np.array([["the cat sat on a mat"]]), [b"the cat sat on the mat"]),
    ):
        metric = BLEU()
        metric.update_state(y_true, y_pred)
        results.append(float(metric.result()))
    assert results[0] == results[1] == results[2] == pytest.approx((5 / 6 * 3 / 5 / 2 / 3) ** 0.25)


def test_arguments_out_of_range():
    for max_order in (0, True, 2.0):
        with pytest.raises(ConfigError, match="`max_order` must be an integer of 1 or above"):
            BLEU(max_order=max_order)
    with pytest.raises(UnknownNameError, match="Did you mean 'floor'"):
        BLEU(smoothing="flor")
    with pytest.raises(UnknownNameError, match="Unknown tokenizer 'mecab'"):
        BLEU(tokenize="mecab")
    with pytest.raises(ConfigError, match='`smoothing_value` is for "floor" and "add-k" alone'):
        BLEU(smoothing="exp", smoothing_value=1.0)
    for value in (0.0, float("inf"), "1"):
        with pytest.raises(ConfigError, match="`smoothing_value` must be a finite number above 0"):
            BLEU(smoothing="floor", smoothing_value=value)


def test_sample_weights_are_refused():
    with pytest.raises(DataError, match="`sample_weight` must be None: the definition"):
        BLEU().update_state([["a"]], ["a"], [1.0])


@pytest.mark.parametrize(
    ("y_true", "y_pred", "says"),
    [
        ("a", ["a"], "`y_true` must be a list. Received: 'a'"),
        ([[], ["a"]], ["a", "b"], "Received: none for text 0"),
        ([["a"]], ["a", "b"], "must have the same length. Received: 1 and 2"),
        ([["a"]], "a", "`y_pred` must be a list of strings"),
        ([[1]], ["a"], "`y_true` must hold strings"),
    ],
)
def test_what_is_no_list_of_texts(y_true, y_pred, says):
    with pytest.raises(DataError, match=says):
        BLEU().update_state(y_true, y_pred)
