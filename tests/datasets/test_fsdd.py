"""The spoken digits: from a pack to waveforms of one second."""

import numpy as np
import pytest

import kerazoo
from kerazoo.datasets import fsdd, loading
from kerazoo.errors import DataError


@pytest.fixture
def data_folder(monkeypatch, tmp_path):
    """An empty folder of data, an empty cache; nothing read before."""
    monkeypatch.setenv("KERAZOO_DATA", str(tmp_path))
    monkeypatch.setenv("KERAZOO_CACHE", str(tmp_path / "cache"))
    loading._read_once.cache_clear()
    yield tmp_path
    loading._read_once.cache_clear()


def pack(**changes):
    """Four recordings of 4, 8,000, 8,003 and 2 samples; the second one is for testing."""
    lengths = [4, 8000, 8003, 2]
    arrays = {
        "samples": np.arange(1, sum(lengths) + 1).astype(np.int16),
        "offsets": np.cumsum([0, *lengths]),
        "label": np.array([3, 1, 4, 1], np.uint8),
        "speaker": np.array(["theo", "theo", "lucas", "lucas"]),
        "is_test": np.array([False, True, False, False]),
    }
    return {**arrays, **changes}


def test_recordings_are_centred_in_one_second(data_folder):
    np.savez(data_folder / "fsdd.npz", **pack())
    waves, labels = kerazoo.datasets.load_numpy("fsdd", "train")
    assert (waves.shape, waves.dtype) == ((3, 8000), np.float32)
    assert labels.tolist() == [3, 4, 1]
    short = np.zeros(8000)
    short[3998:4002] = np.array([1, 2, 3, 4]) / 32768
    np.testing.assert_allclose(waves[0], short, rtol=1e-6)
    np.testing.assert_allclose(waves[1], np.arange(8006, 16006) / 32768, rtol=1e-6)
    test, _ = kerazoo.datasets.load_numpy("fsdd", "test")
    np.testing.assert_allclose(test[0], np.arange(5, 8005) / 32768, rtol=1e-6)


@pytest.mark.parametrize(
    "changes",
    [
        {"label": np.array(list("abcd"))},
        {"label": np.arange(3, dtype=np.uint8)},
        {"samples": np.linspace(-1, 1, 16009)},
        {"is_test": np.array([0.5, 1.0, 0.0, 0.0])},
    ],
    ids=["letters", "one too few", "floats", "no yes or no"],
)
def test_a_damaged_pack_is_one_clear_line(data_folder, changes):
    np.savez(data_folder / "fsdd.npz", **pack(**changes))
    with pytest.raises(DataError, match="damaged or not FSDD") as error:
        kerazoo.datasets.load_numpy("fsdd")
    assert "\n" not in str(error.value)


def test_without_the_file_the_message_says_how_to_get_it(data_folder):
    with pytest.raises(DataError, match="FSDD is not here.*KERAZOO_DATA.*Jakobovski"):
        kerazoo.datasets.load_numpy("fsdd")


def test_the_real_pack_has_the_official_split(data_file):
    data_file("fsdd.npz")
    recordings = fsdd.read_pack()
    assert recordings["waveform"].shape == (3000, 8000)
    assert np.abs(recordings["waveform"]).max() <= 1
    assert set(np.unique(recordings["speaker"], return_counts=True)[1]) == {500}
    test = recordings["is_test"]
    assert (np.bincount(recordings["label"][test]) == 30).all()
    assert set(np.unique(recordings["speaker"][test], return_counts=True)[1]) == {50}
