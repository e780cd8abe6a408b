"""Strings of spoken digits, joined from the recordings of `fsdd`, for recognisers of speech.

A string is three to seven digits of one voice with pauses of 50 to 400 ms before, between and after
them, under weak white noise: random digits, each by a recording of that voice drawn with putting
back. Recordings of a part are in strings of that part only. The test part are fsdd's own test
recordings; the validation part the first five other ones of each speaker and digit.

Chance is NumPy's `RandomState`, whose numbers are promised never to change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kerazoo.datasets import fsdd
from kerazoo.datasets.dataset import Dataset
from kerazoo.datasets.sounds import read_wave
from kerazoo.errors import DataError

if TYPE_CHECKING:
    import numpy as np

LENGTH = 6 * fsdd.RATE
"""Samples of a string; noise fills what the last pause leaves."""
FEWEST, MOST = 3, 7
"""Digits of a string; of the longest, those that the length holds."""
BLANK = 0
"""Of targets, what fills rows up: digit d has class d + 1, as losses of CTC ask for."""

_STRINGS = {"train": 4000, "validation": 500, "test": 500}
_SEEDS = {"train": 0, "validation": 1, "test": 2}
_PAUSE = (fsdd.RATE // 20, fsdd.RATE * 2 // 5)
_NOISE = (-5.0, -3.5)  # its amplitude as a power of ten: from digital silence to a quiet room
_HELD_OUT = 5


def _read(split: str) -> tuple[np.ndarray, np.ndarray]:
    import numpy as np

    recordings = _recordings(split)
    rng = np.random.RandomState(_SEEDS[split])
    count = _STRINGS[split]
    # Half the memory of float32. As fine as 16 bits up to 1/16, above it exact to 1 part in 2,048.
    waves, targets = np.zeros((count, LENGTH), np.float16), np.zeros((count, MOST), np.int64)
    for wave, target in zip(waves, targets, strict=True):
        spoken, digits = _string(recordings[rng.randint(len(recordings))], rng)
        wave[:] = spoken
        target[: len(digits)] = np.add(digits, 1)
    return waves, targets


def _recordings(split: str) -> list[dict[int, list[np.ndarray]]]:
    """For each speaker the part's recordings of each digit."""
    import numpy as np

    pack = fsdd.read_recordings()
    speakers = []
    for speaker in np.unique(pack["speaker"]):
        by_digit = {}
        for digit in np.unique(pack["label"]):
            rows = np.flatnonzero((pack["speaker"] == speaker) & (pack["label"] == digit))
            is_test = pack["is_test"][rows]
            others = rows[~is_test]
            parts = {
                "train": others[_HELD_OUT:],
                "validation": others[:_HELD_OUT],
                "test": rows[is_test],
            }
            by_digit[int(digit)] = [pack["waveform"][row] for row in parts[split]]
        speakers.append({digit: waves for digit, waves in by_digit.items() if waves})
    return [by_digit for by_digit in speakers if by_digit]


def _string(
    by_digit: dict[int, list[np.ndarray]], rng: np.random.RandomState
) -> tuple[np.ndarray, list[int]]:
    """One voice's string: float32 `(LENGTH,)`, -1..1, and its digits."""
    import numpy as np

    amplitude = 10 ** rng.uniform(*_NOISE)
    wave = rng.uniform(-amplitude, amplitude, LENGTH).astype(np.float32)
    digits: list[int] = []
    known, place = sorted(by_digit), rng.randint(*_PAUSE)
    for _ in range(rng.randint(FEWEST, MOST + 1)):
        digit = known[rng.randint(len(known))]
        recording = by_digit[digit][rng.randint(len(by_digit[digit]))]
        stop, pause = place + len(recording), rng.randint(*_PAUSE)
        if stop + pause > LENGTH:
            break
        wave[place:stop] += recording
        digits.append(digit)
        place = stop + pause
    return np.clip(wave, -1, 1), digits


def _parse(path: str) -> np.ndarray:
    import numpy as np

    wave = read_wave(path, fsdd.RATE)
    if len(wave) > LENGTH:
        raise DataError(
            f"{path!r} must be {LENGTH // fsdd.RATE} seconds long at most. Received: "
            f"{len(wave) / fsdd.RATE:.1f} seconds. Cut it into pieces."
        )
    return np.pad(wave, (0, LENGTH - len(wave)))


def _text(numbers: Any) -> str:
    return " ".join(str(int(number) - 1) for number in numbers if number != BLANK)


DATASET = Dataset(
    name="fsdd_strings",
    summary=(
        "Strings of three to seven spoken digits, six seconds at 8 kHz as floats, -1..1, each by "
        "one of six voices; targets are digits plus one, 0 after the last."
    ),
    splits=("train", "validation", "test"),
    input_shape=(LENGTH,),
    class_names=("blank", *"0123456789"),
    license=fsdd.DATASET.license,
    read=_read,
    parse=_parse,
    text=_text,
)
