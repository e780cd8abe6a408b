"""Subwords: nothing is lost, and pieces are joined as the paper says."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kerazoo.datasets.subwords import END, PADDING, START, Subwords

TEXTS = ["low lower newest widest", "the lower, the newer", "grün und größer"] * 10
SUBWORDS = Subwords.learned_from(TEXTS, pieces=40)


@given(st.text() | st.text(alphabet="lowernt \u2581\n\t,"))
def test_any_text_comes_back(text):
    numbers = SUBWORDS.encode(text)
    assert SUBWORDS.decode(numbers) == text
    assert all(3 <= number < len(SUBWORDS) for number in numbers)


@given(st.lists(st.integers(0, 3 + 256 + 40 - 1)))
def test_whatever_a_model_says_is_some_text(numbers):
    assert isinstance(SUBWORDS.decode(numbers), str)


def test_half_a_character_becomes_a_question_mark():
    assert SUBWORDS.decode(SUBWORDS.encode("low\ud800")) == "low?"


def by_definition(words, count):
    """Sennrich et al. 2016, algorithm 1: counted anew before each merge."""
    words = {tuple(word.replace(" ", "\u2581")): n for word, n in words.items()}
    merged = []
    while len(merged) < count:
        pairs = {}
        for word, n in words.items():
            for pair in pairwise(word):
                pairs[pair] = pairs.get(pair, 0) + n
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merged.append("".join(best))
        words = {tuple(_merge(word, best)): n for word, n in words.items()}
    return merged


def _merge(word, pair):
    result = []
    for part in word:
        if result and (result[-1], part) == pair:
            result[-1] += part
        else:
            result.append(part)
    return result


def test_pieces_are_those_of_the_papers_algorithm():
    words = {" low": 5, " lower": 2, " newest": 6, " widest": 3, " banana": 4, " lolol": 3}
    text = " ".join(word.strip() for word, n in words.items() for _ in range(n))
    letters = len({letter for word in words for letter in word})
    pieces = Subwords.learned_from([text], pieces=letters + 12, least=1).pieces
    assert list(pieces[letters:]) == by_definition(words, 12)


def test_rare_characters_are_spelled_in_bytes():
    subwords = Subwords.learned_from(["ab ab ab", "abc"], pieces=10, least=2)
    assert subwords.spelled("abc ä") == ["\u2581ab", "<63>", "\u2581", "<c3>", "<a4>"]


def test_pieces_end_with_their_word():
    assert not any("\u2581" in piece[1:] for piece in SUBWORDS.pieces)
    assert not any("," in piece and piece != "," for piece in SUBWORDS.pieces)


def test_decoding_ends_at_the_end():
    numbers = SUBWORDS.encode("lower")
    assert SUBWORDS.decode([START, *numbers, END, *numbers, PADDING]) == "lower"


def test_a_file_comes_back(tmp_path):
    SUBWORDS.write(tmp_path / "pieces.txt")
    assert Subwords.read(tmp_path / "pieces.txt").pieces == SUBWORDS.pieces


@pytest.mark.parametrize("text", ["", " ", "  low", "low  ", "low\r\nlower"])
def test_spaces_are_kept(text):
    assert SUBWORDS.decode(SUBWORDS.encode(text)) == text
