"""Word and character error rates against the textbook table of edit distances."""

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from keras import ops

from kerazoo.errors import DataError
from kerazoo.metrics import CharacterErrorRate, WordErrorRate
from kerazoo.metrics._edit_distance import edit_distance

CASES = 60
RATES = [(WordErrorRate, str.split), (CharacterErrorRate, lambda text: list(text.strip()))]


def table_distance(one, other):
    """Wagner and Fischer 1974."""
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, start=1):
        above, row = row, [i]
        for j, b in enumerate(other, start=1):
            row.append(min(above[j] + 1, row[-1] + 1, above[j - 1] + (a != b)))
    return row[-1]


def draw_text(rng):
    words = ["a", "b", "ab", "ba", "Ä", "日本", "x y", " ", "\t", "👩‍👩‍👧"]
    return " ".join(rng.choice(words) for _ in range(rng.randint(0, 8)))


@given(st.text("abc", max_size=80), st.text("abcd", max_size=80))
def test_edit_distance_is_that_of_the_table(one, other):
    assert edit_distance(one, other) == table_distance(one, other)


@pytest.mark.parametrize(("metric_class", "units"), RATES)
def test_is_its_definition(metric_class, units):
    """Empty and equal texts, Unicode, batches of several sizes, empty ones too."""
    for seed in range(CASES):
        rng = random.Random(seed)
        references = [draw_text(rng) for _ in range(rng.randint(0, 5))]
        hypotheses = [rng.choice([draw_text(rng), text]) for text in references]
        metric = metric_class()
        cut = rng.randint(0, len(references))
        for part in (slice(cut), slice(cut, None)):
            metric.update_state(references[part], hypotheses[part])
        edits = sum(map(table_distance, map(units, references), map(units, hypotheses)))
        expected = edits / max(sum(len(units(text)) for text in references), 1)
        assert float(metric.result()) == pytest.approx(expected, abs=1e-6), seed


def test_long_texts_count_for_more():
    """The mean of the sentences' own rates would be 1/2."""
    metric = WordErrorRate()
    metric.update_state(["a b c d e f g h i", "a"], ["a b c d e f g h i", "b"])
    assert float(metric.result()) == pytest.approx(0.1)


def test_a_letter_typed_as_two_code_points_counts_twice():
    composed, decomposed = CharacterErrorRate(), CharacterErrorRate()
    composed.update_state(["\u00e9a"], ["ea"])
    decomposed.update_state(["e\u0301a"], ["ea"])
    assert float(composed.result()) == pytest.approx(1 / 2)
    assert float(decomposed.result()) == pytest.approx(1 / 3)


@pytest.mark.parametrize(("metric_class", "units"), RATES)
def test_one_batch_or_fifty(metric_class, units):
    rng = random.Random(0)
    references = [draw_text(rng) for _ in range(50)]
    hypotheses = [draw_text(rng) for _ in range(50)]
    one, fifty = metric_class(), metric_class()
    one.update_state(references, hypotheses)
    for reference, hypothesis in zip(references, hypotheses, strict=True):
        fifty.update_state([reference], [hypothesis])
    assert float(fifty.result()) == pytest.approx(float(one.result()), rel=1e-5)
    fifty.reset_state()
    assert float(fifty.result()) == 0.0


@pytest.mark.parametrize(
    "container",
    [
        list,
        tuple,
        np.array,
        lambda texts: np.array(texts, object)[:, None],
        lambda texts: [text.encode() for text in texts],
    ],
)
def test_texts_in_any_container(container):
    metric = WordErrorRate()
    metric.update_state(container(["the cät sat", "a"]), container(["the cät", "a"]))
    assert float(metric.result()) == 0.25


@pytest.mark.usefixtures("tensorflow_backend")
def test_tensors_of_strings():
    import tensorflow as tf

    metric = WordErrorRate()
    metric.update_state(tf.constant(["the cät sat"]), tf.constant([["the cät"]]))
    assert float(metric.result()) == pytest.approx(1 / 3)
    with pytest.raises(DataError, match="runs outside of compiled functions"):
        tf.function(metric.update_state, autograph=False)(tf.constant(["a"]), tf.constant(["a"]))


@pytest.mark.parametrize(
    ("y_true", "y_pred", "says"),
    [
        ("a b", "a b", "must be a list of strings. Received: 'a b'"),
        (["a"], ["a", "b"], "must have the same length. Received: 1 and 2"),
        (["a"], [1], "`y_pred` must hold strings. Received: 1, int"),
        ([b"\xff"], ["a"], "`y_true` must be UTF-8"),
        (3, ["a"], "`y_true` must be a list of strings. Received: 3"),
    ],
)
def test_what_is_no_list_of_texts(y_true, y_pred, says):
    with pytest.raises(DataError, match=says):
        WordErrorRate().update_state(y_true, y_pred)


@pytest.mark.parametrize("metric_class", [WordErrorRate, CharacterErrorRate])
def test_sample_weights_are_refused(metric_class):
    with pytest.raises(DataError, match="`sample_weight` must be None: the definition"):
        metric_class().update_state(["a"], ["a"], [1.0])


def test_counts_beyond_what_float32_can_tell_apart():
    metric = CharacterErrorRate()
    metric.sums.assign(ops.convert_to_tensor([[0.0, 2.0**24], [0.0, 0.0]], "float32"))
    for _ in range(64):
        metric.update_state(["a"], ["b"])
    edits, length = ops.convert_to_numpy(metric.sums).sum(axis=0, dtype="float64")
    assert (edits, length) == (64, 2**24 + 64)
