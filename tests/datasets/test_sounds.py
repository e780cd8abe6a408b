"""Sound files against SciPy's reader."""

import numpy as np
import pytest
from scipy.io import wavfile

from kerazoo.datasets.fsdd import DATASET
from kerazoo.datasets.sounds import centred, read_wave
from kerazoo.errors import DataError


@pytest.fixture
def samples():
    return np.random.default_rng(0).integers(-32768, 32768, (500, 2)).astype(np.int16)


def test_a_file_is_read_as_scipy_reads_it(samples, tmp_path):
    wavfile.write(tmp_path / "stereo.wav", 8000, samples)
    wavfile.write(tmp_path / "mono.wav", 8000, samples[:, 0])
    mono = read_wave(str(tmp_path / "mono.wav"), 8000)
    assert mono.dtype == np.float32
    np.testing.assert_array_equal(mono, wavfile.read(tmp_path / "mono.wav")[1] / 32768)
    stereo = read_wave(str(tmp_path / "stereo.wav"), 8000)
    np.testing.assert_allclose(stereo, samples.mean(axis=1) / 32768, atol=1e-7)


@pytest.mark.parametrize("length", [1, 4, 5, 9, 10])
def test_the_middle_stays_in_the_middle(length):
    wave = np.arange(1, length + 1)
    out = centred(wave, 5)
    assert len(out) == 5
    kept = out[out > 0]
    assert len(kept) == min(length, 5)
    assert (np.diff(kept) == 1).all()
    before, after = kept[0] - 1, length - kept[-1]
    assert abs(before - after) <= 1
    silent = np.flatnonzero(out == 0)
    assert abs((silent < 2).sum() - (silent > 2).sum()) <= 1


def test_what_is_no_such_file_is_one_line(samples, tmp_path):
    wavfile.write(tmp_path / "fast.wav", 44100, samples)
    wavfile.write(tmp_path / "wide.wav", 8000, samples.astype(np.int32))
    (tmp_path / "text.wav").write_text("no sound")
    (tmp_path / "empty.wav").write_bytes(b"")
    for name, says in {
        "fast.wav": "at 8,000 Hz. Received: 16 bits at 44,100 Hz. Convert",
        "wide.wav": "16-bit samples.*Received: 32 bits",
        "text.wav": "no plain .wav file",
        "empty.wav": "no plain .wav file",
        "absent.wav": "Cannot read .*absent.wav",
    }.items():
        with pytest.raises(DataError, match=says):
            DATASET.parse(str(tmp_path / name))


def test_a_file_that_is_cut_off_is_told(samples, tmp_path):
    wavfile.write(tmp_path / "whole.wav", 8000, samples)
    (tmp_path / "cut.wav").write_bytes((tmp_path / "whole.wav").read_bytes()[:-3])
    with pytest.raises(DataError, match="is cut off"):
        read_wave(str(tmp_path / "cut.wav"), 8000)


def test_the_command_that_is_named_can_be_pasted(samples, tmp_path):
    wavfile.write(tmp_path / "my voice.wav", 16000, samples)
    with pytest.raises(DataError, match="sox '.*my voice.wav' -r 8000"):
        read_wave(str(tmp_path / "my voice.wav"), 8000)
