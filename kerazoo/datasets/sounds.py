"""Sound files as waveforms, and waveforms as samples of one length."""

from __future__ import annotations

import shlex
import wave
from typing import TYPE_CHECKING

from kerazoo.errors import DataError

if TYPE_CHECKING:
    import numpy as np


def read_wave(path: str, rate: int) -> np.ndarray:
    """A .wav file of 16-bit samples as float32 `(samples,)`, -1..1; channels are averaged.

    Args:
        rate: samples per second that are expected.

    Raises:
        DataError: the file is missing, no such .wav file, or has another rate.
    """
    import numpy as np

    try:
        with wave.open(path, "rb") as file:
            found, width, channels = file.getframerate(), file.getsampwidth(), file.getnchannels()
            content = file.readframes(file.getnframes())
    except OSError as error:
        raise DataError(f"Cannot read {path!r}: {error.strerror}.") from error
    except (wave.Error, EOFError) as error:
        raise DataError(f"{path!r} is no plain .wav file: {error}.") from error
    if width != 2 or found != rate:
        raise DataError(
            f"{path!r} must have 16-bit samples at {rate:,} Hz. Received: {8 * width} bits at "
            f"{found:,} Hz. Convert it, for instance: "
            f"sox {shlex.quote(path)} -r {rate} -b 16 converted.wav"
        )
    if len(content) % (width * channels):
        raise DataError(f"{path!r} is cut off: its last sample is not whole.")
    samples = np.frombuffer(content, "<i2").reshape(-1, channels).mean(axis=1)
    return (samples / 32768).astype(np.float32)


def centred(waveform: np.ndarray, length: int) -> np.ndarray:
    """The middle `length` samples; of a shorter one all, with silence before and after."""
    import numpy as np

    extra = len(waveform) - length
    if extra >= 0:
        return waveform[extra // 2 : extra // 2 + length]
    return np.pad(waveform, (-extra // 2, -extra - -extra // 2))
