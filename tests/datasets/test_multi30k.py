"""Multi30k: pairs as numbers and back, and what is said of missing or wrong files."""

import gzip

import numpy as np
import pytest

import kerazoo
from kerazoo.datasets import loading, multi30k
from kerazoo.datasets.subwords import END, PADDING, START, Subwords
from kerazoo.errors import DataError

PAIRS = [("Two  dogs run. ", "Zwei Hunde rennen."), ("A man, 35.", "Ein Mann, 35.")]


def write(folder, name, lines):
    with gzip.open(folder / "multi30k" / f"{name}.gz", "wt", encoding="utf-8") as file:
        file.write("".join(f"{line}\n" for line in lines))


@pytest.fixture
def data_folder(monkeypatch, tmp_path):
    """A folder of data with two pairs in each part, an empty cache; nothing read before."""
    monkeypatch.setenv("KERAZOO_DATA", str(tmp_path))
    monkeypatch.setenv("KERAZOO_CACHE", str(tmp_path / "cache"))
    loading._read_once.cache_clear()
    (tmp_path / "multi30k").mkdir()
    for part in ("train", "val", "test_2016_flickr"):
        write(tmp_path, f"{part}.en", [english for english, _ in PAIRS])
        write(tmp_path, f"{part}.de", [german for _, german in PAIRS])
    yield tmp_path
    loading._read_once.cache_clear()


def test_prefix_is_the_target_one_step_on(data_folder):
    inputs, targets = kerazoo.datasets.load_numpy("multi30k", "train")
    assert inputs["prefix"].dtype == inputs["source"].dtype == targets.dtype == np.int32
    for prefix, target in zip(inputs["prefix"], targets, strict=True):
        pieces = target[target != PADDING].tolist()
        assert pieces[-1] == END
        assert prefix[: len(pieces)].tolist() == [START, *pieces[:-1]]
        assert not prefix[len(pieces) :].any()


def test_spaces_are_tidied_in_the_training_part_alone(data_folder):
    text = kerazoo.datasets.info("multi30k").text
    for split, expected in (("train", "Two dogs run."), ("test", "Two  dogs run. ")):
        inputs, targets = kerazoo.datasets.load_numpy("multi30k", split)
        assert text(inputs["source"][0]) == expected
        assert text(targets[1]) == "Ein Mann, 35."


def test_long_pairs_are_left_out_of_the_training_part_and_cut_elsewhere(data_folder):
    for part in ("train", "val"):
        write(data_folder, f"{part}.de", ["x " * 60, "Ein Mann."])
    _, targets = kerazoo.datasets.load_numpy("multi30k", "train")
    assert len(targets) == 1
    _, targets = kerazoo.datasets.load_numpy("multi30k", "validation")
    assert targets.shape == (2, multi30k.LENGTH)
    assert targets[0, -1] == END


def test_a_persons_own_sentence_becomes_a_sample(data_folder):
    data = kerazoo.datasets.info("multi30k")
    inputs, _ = kerazoo.datasets.load_numpy("multi30k", "train")
    np.testing.assert_array_equal(data.parse(" Two dogs  run."), inputs["source"][0])
    assert data.text(data.parse("狗, a dog")) == "狗, a dog"


@pytest.mark.parametrize("text", ["", "  ", "dog " * 60])
def test_no_sentence_and_a_long_one_are_refused(text):
    with pytest.raises(DataError, match="must have 1 to 47 pieces.*Received: "):
        multi30k.DATASET.parse(text)


def test_without_the_files_the_message_says_how_to_get_them(data_folder):
    (data_folder / "multi30k" / "val.de.gz").unlink()
    with pytest.raises(DataError, match="val.de.gz is not here. Put .* KERAZOO_DATA"):
        kerazoo.datasets.load_numpy("multi30k", "validation")


@pytest.mark.parametrize(
    "content",
    [
        b"Ein Mann",
        gzip.compress("Ein Klischée\n".encode("latin-1")),
        gzip.compress(b"Ein Mann\n" * 9)[:-12],
    ],
    ids=["plain", "latin-1", "cut off"],
)
def test_a_file_that_cannot_be_read_is_one_line(data_folder, content):
    (data_folder / "multi30k" / "train.de.gz").write_bytes(content)
    with pytest.raises(DataError, match="Cannot read .*train.de.gz") as error:
        kerazoo.datasets.load_numpy("multi30k", "train")
    assert "\n" not in str(error.value)


def test_unequal_files_are_one_line(data_folder):
    write(data_folder, "train.de", ["Ein Mann."])
    with pytest.raises(DataError, match="2 English and 1 German lines"):
        kerazoo.datasets.load_numpy("multi30k", "train")


def test_every_raw_sentence_but_one_comes_back(data_file):
    data_file("multi30k/val.en.gz")
    text = kerazoo.datasets.info("multi30k").text
    changed = {}
    for split in ("validation", "test"):
        inputs, targets = kerazoo.datasets.load_numpy("multi30k", split)
        rows = zip(multi30k.read_pairs(split), inputs["source"], targets, strict=True)
        for number, ((english, german), source, target) in enumerate(rows):
            assert text(source) == english
            if text(target) != german:
                changed[split, number] = german
    assert changed.keys() == {("validation", 75)}  # cut
    assert len(multi30k.subwords()) == multi30k.NUMBERS


@pytest.mark.slow
def test_the_pieces_are_of_the_training_part(data_file):
    data_file("multi30k/train.en.gz")
    pairs = multi30k.read_pairs("train")
    assert len(pairs) == 29_000
    texts = [" ".join(text.split()) for pair in pairs for text in pair]
    pieces = multi30k.subwords().pieces
    assert Subwords.learned_from(texts, pieces=len(pieces)).pieces == pieces


def test_a_damaged_file_is_named(data_folder):
    file = data_folder / "multi30k" / "train.en.gz"
    content = bytearray(file.read_bytes())
    content[-9] ^= 0xFF  # the last byte in front of the checksum
    file.write_bytes(content)
    with pytest.raises(DataError, match="Cannot read .*train.en.gz"):
        kerazoo.datasets.load_numpy("multi30k", "train")
