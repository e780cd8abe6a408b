"""The Free Spoken Digit Dataset: six speakers say each digit, in English, 50 times (8 kHz).

Read from `$KERAZOO_DATA/fsdd.npz`: recordings laid end to end, of which `offsets` says where each
starts. The split is the official one, recordings 0 to 4 of each speaker and digit for testing: all
speakers are in both parts, so it does not tell how a model does on a new voice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kerazoo.datasets import source
from kerazoo.datasets.dataset import Dataset
from kerazoo.datasets.sounds import centred, read_wave
from kerazoo.errors import DataError

if TYPE_CHECKING:
    import numpy as np

RATE = 8000
"""Samples per second; recordings are cut or padded to one second, which 20 of 3,000 exceed."""

_HELP = (
    "Put fsdd.npz into a folder and set KERAZOO_DATA to it: int16 `samples` of all recordings end "
    "to end, `offsets` (one more than recordings), `label`, `speaker` and bool `is_test`, made "
    "from github.com/Jakobovski/free-spoken-digit-dataset."
)


def read_recordings() -> dict[str, Any]:
    """All recordings, sorted by digit and speaker, at their own lengths.

    Returns: `waveform` list of float32 `(samples,)`, -1..1, one second at most, `label` int64,
        `speaker` str, `is_test` bool.
    """
    import numpy as np

    path = source.find_file("fsdd.npz")
    if path is None:
        raise DataError(f"FSDD is not here. {_HELP}")
    try:
        with np.load(path, allow_pickle=False) as arrays:
            samples, offsets = arrays["samples"].astype(np.int16, casting="safe"), arrays["offsets"]
            pack = {
                "waveform": [
                    centred(recording, min(RATE, len(recording))).astype(np.float32) / 32768
                    for recording in np.split(samples, offsets[1:-1])
                ],
                "label": arrays["label"].astype(np.int64, casting="safe"),
                "speaker": arrays["speaker"],
                "is_test": arrays["is_test"].astype(bool, casting="safe"),
            }
        if len({len(values) for values in pack.values()}) > 1:
            raise ValueError("its arrays differ in length")
    except Exception as error:  # zipfile, zlib and NumPy each raise their own kinds
        reason = " ".join(str(error).split())
        raise DataError(f"{path} is damaged or not FSDD: {reason}. Remove it. {_HELP}") from error
    return pack


def read_pack() -> dict[str, Any]:
    """The same, with one second of each: `waveform` float32 `(3000, 8000)`."""
    import numpy as np

    pack = read_recordings()
    return {**pack, "waveform": np.stack([centred(wave, RATE) for wave in pack["waveform"]])}


def _read(split: str) -> tuple[np.ndarray, np.ndarray]:
    pack = read_pack()
    rows = pack["is_test"] == (split == "test")
    return pack["waveform"][rows], pack["label"][rows]


def _parse(path: str) -> np.ndarray:
    return centred(read_wave(path, RATE), RATE)


DATASET = Dataset(
    name="fsdd",
    summary="Spoken digits, one second at 8 kHz as float32, -1..1; six speakers.",
    splits=("train", "test"),
    input_shape=(RATE,),
    class_names=tuple("0123456789"),
    license="CC BY-SA 4.0 (Jakobovski and contributors, Free Spoken Digit Dataset)",
    read=_read,
    parse=_parse,
)
