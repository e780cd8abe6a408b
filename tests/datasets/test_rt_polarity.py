"""Sentence polarity: the split, the word list, and what is said of missing or wrong files."""

import numpy as np
import pytest

import kerazoo
from kerazoo.datasets import loading, rt_polarity
from kerazoo.datasets.text import Vocabulary
from kerazoo.errors import DataError


@pytest.fixture
def data_folder(monkeypatch, tmp_path):
    """A folder of data with 15 and 25 made-up sentences, an empty cache; nothing read before."""
    monkeypatch.setenv("KERAZOO_DATA", str(tmp_path))
    monkeypatch.setenv("KERAZOO_CACHE", str(tmp_path / "cache"))
    loading._read_once.cache_clear()
    (tmp_path / "rt_polarity").mkdir()
    for kind, count in (("neg", 15), ("pos", 25)):
        lines = [f"{kind} {number} the film " for number in range(count)]
        (tmp_path / "rt_polarity" / f"rt-polarity.{kind}").write_text("\n".join(lines) + "\n")
    yield tmp_path
    loading._read_once.cache_clear()


def test_every_sentence_is_in_one_part_with_its_label(data_folder):
    train, test = rt_polarity.read_sentences("train"), rt_polarity.read_sentences("test")
    assert (len(train[0]), len(test[0])) == (36, 4)
    sentences = train[0] + test[0]
    assert len(set(sentences)) == 40
    for sentence, label in zip(sentences, [*train[1], *test[1]], strict=True):
        assert label == sentence.startswith("pos")


def test_samples_are_word_numbers(data_folder):
    inputs, labels = kerazoo.datasets.load_numpy("rt_polarity", "test")
    assert (inputs.shape, inputs.dtype, labels.dtype) == ((4, 60), np.int32, np.int64)
    words = rt_polarity.vocabulary().words
    assert [words[number - 2] for number in inputs[0, 2:4]] == ["the", "film"]
    assert not inputs[:, 4:].any()


def test_a_persons_own_text_becomes_a_sample():
    sample = rt_polarity.DATASET.parse("The film!")
    words = rt_polarity.vocabulary().words
    assert [words[number - 2] for number in sample[:3]] == ["the", "film", "!"]
    assert sample.shape == (60,)


def test_without_the_files_the_message_says_how_to_get_them(data_folder):
    (data_folder / "rt_polarity" / "rt-polarity.pos").unlink()
    with pytest.raises(DataError, match="rt-polarity.pos is not here. Put .* KERAZOO_DATA"):
        kerazoo.datasets.load_numpy("rt_polarity")


def test_latin_1_is_one_clear_line(data_folder):
    file = data_folder / "rt_polarity" / "rt-polarity.neg"
    file.write_bytes("ein Klischée\n".encode("latin-1"))
    with pytest.raises(DataError, match="Cannot read .*rt-polarity.neg.*utf-8") as error:
        kerazoo.datasets.load_numpy("rt_polarity")
    assert "\n" not in str(error.value)


def test_the_word_list_is_of_the_training_part(data_file):
    data_file("rt_polarity/rt-polarity.pos")
    sentences, labels = rt_polarity.read_sentences("train")
    assert (len(sentences), len(rt_polarity.read_sentences("test")[0])) == (9595, 1067)
    assert abs(labels.mean() - 0.5) < 0.01
    assert Vocabulary.of(sentences, least=2).words == rt_polarity.vocabulary().words
