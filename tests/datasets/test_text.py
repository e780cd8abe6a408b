"""Words of sentences, and their numbers."""

import numpy as np
import pytest

from kerazoo.datasets.text import PADDING, UNKNOWN, Vocabulary, split_words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("A moving film.", "a moving film"),
        ("isn't  it?!", "is n't it ? !"),
        ("can\u2019t we\u2019ll", "ca n't we 'll"),
        ("it's Soderbergh's", "it 's soderbergh 's"),
        ("rock 'n' roll in '70s", "rock n roll in 70s"),
        ("un cliché (très naïve)", "un cliche ( tres naive )"),
        ("co-writer/director", "co writer director"),
        (" -- . ...", ""),
        ("21st", "21st"),
    ],
)
def test_sentences_fall_into_words(text, words):
    assert split_words(text) == words.split()


def test_splitting_words_again_changes_nothing():
    words = split_words("He isn't sure they'd've said: \"I'm 100% fine, it's 5 o'clock\" (really!)")
    assert split_words(" ".join(words)) == words


def test_frequent_words_come_first_and_rare_ones_not_at_all():
    vocabulary = Vocabulary.of(["b a b c", "b a d c", "e"], least=2)
    assert vocabulary.words == ("b", "a", "c")  # equally frequent ones by the alphabet
    assert len(vocabulary) == 5
    numbers = vocabulary.encode(["c zebra B", ""], length=4)
    assert numbers.dtype == np.int32
    assert numbers.tolist() == [[4, UNKNOWN, 2, PADDING], [PADDING] * 4]


def test_what_is_too_long_is_cut():
    assert Vocabulary(["a", "b"]).encode(["a b a b"], length=3).tolist() == [[2, 3, 2]]
