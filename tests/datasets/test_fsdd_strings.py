"""Strings of digits: what they are joined of, and that they are the same for everybody."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.io import wavfile

import kerazoo
from kerazoo.datasets import fsdd_strings, loading
from kerazoo.errors import DataError

DATA = kerazoo.datasets.info("fsdd_strings")
RECORDINGS = 8  # of each voice and digit: one for testing, five to choose with, two to train with


@pytest.fixture
def pack(monkeypatch, tmp_path):
    """Three voices say three digits; the samples of recording n are all 100 * (n + 1)."""
    monkeypatch.setenv("KERAZOO_DATA", str(tmp_path))
    monkeypatch.setattr(fsdd_strings, "_STRINGS", {"train": 60, "validation": 30, "test": 30})
    loading._read_once.cache_clear()
    count = 3 * 3 * RECORDINGS
    lengths = np.random.default_rng(0).integers(1500, 8001, count)
    arrays = {
        "samples": np.repeat(100 * np.arange(1, count + 1), lengths).astype(np.int16),
        "offsets": np.cumsum([0, *lengths]),
        "label": np.repeat(np.array([0, 4, 9], np.uint8), 3 * RECORDINGS),
        "speaker": np.tile(np.repeat(["ann", "bob", "eve"], RECORDINGS), 3),
        "is_test": np.tile(np.arange(RECORDINGS) == 0, 9),
    }
    np.savez(tmp_path / "fsdd.npz", **arrays)
    yield {**arrays, "lengths": lengths}
    loading._read_once.cache_clear()


def parts_of(wave):
    """Recordings, first samples and lengths of the digits in a string: all but the noise."""
    levels = np.round(wave.astype(float) * 32768 / 100).astype(int)
    edges = np.flatnonzero(np.diff(levels, prepend=0, append=0))
    spans = [(a, b) for a, b in pairwise(edges) if levels[a] > 0]
    return [(levels[a] - 1, a, b - a) for a, b in spans]


def test_a_string_is_whole_recordings_of_one_voice_with_pauses_between(pack):
    for split in DATA.splits:
        waves, targets = kerazoo.datasets.load_numpy("fsdd_strings", split)
        assert waves.shape[1:] == DATA.input_shape
        lengths = set()
        for wave, target in zip(waves, targets, strict=True):
            parts = parts_of(wave)
            said = target[target > 0] - 1
            assert [pack["label"][number] for number, _, _ in parts] == said.tolist()
            assert not target[len(said) :].any()
            assert len({pack["speaker"][number] for number, _, _ in parts}) == 1
            assert all(length == pack["lengths"][number] for number, _, length in parts)
            ends = [0, *(start + length for _, start, length in parts)]
            pauses = np.subtract([start for _, start, _ in parts], ends[:-1])
            assert ((pauses >= 400) & (pauses < 3200)).all()
            lengths.add(len(said))
        assert lengths == {3, 4, 5, 6, 7}


def test_no_recording_is_in_two_parts(pack):
    used = {}
    for split in DATA.splits:
        waves, _ = kerazoo.datasets.load_numpy("fsdd_strings", split)
        numbers = {number for wave in waves for number, _, _ in parts_of(wave)}
        used[split] = {int(number) % RECORDINGS for number in numbers}
    assert used == {"test": {0}, "validation": {1, 2, 3, 4, 5}, "train": {6, 7}}


def test_reading_again_gives_the_same_strings(pack):
    first = kerazoo.datasets.load_numpy("fsdd_strings", "validation")
    loading._read_once.cache_clear()
    second = kerazoo.datasets.load_numpy("fsdd_strings", "validation")
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_real_strings_are_those_that_figures_were_measured_on(data_file):
    data_file("fsdd.npz")
    waves, targets = kerazoo.datasets.load_numpy("fsdd_strings", "test")
    assert waves.shape == (500, 48_000)
    assert list(map(DATA.text, targets[:3])) == ["7 5 4 8 9 3 4", "4 9 6 5 1 6", "3 7 4 0 9"]
    # Measured when the strings were made: that all of later days are the same.
    assert np.abs(waves[:3].astype("float32")).mean() == pytest.approx(0.0119225, rel=1e-5)


def test_a_persons_own_sound_becomes_a_sample(tmp_path):
    samples = np.arange(-4000, 4000).astype(np.int16)
    wavfile.write(tmp_path / "short.wav", 8000, samples)
    sample = DATA.parse(str(tmp_path / "short.wav"))
    assert (sample.shape, sample.dtype) == (DATA.input_shape, np.float32)
    np.testing.assert_allclose(sample[:8000], samples / 32768, atol=1e-7)
    assert not sample[8000:].any()
    wavfile.write(tmp_path / "long.wav", 8000, np.zeros(48_001, np.int16))
    with pytest.raises(DataError, match="long.wav' must be 6 seconds long at most"):
        DATA.parse(str(tmp_path / "long.wav"))
