"""Log-mel spectrogram of a waveform, by fixed convolutions (Davis, Mermelstein 1980)."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers, ops

from kerazoo.argument_checks import check_integer, check_number
from kerazoo.errors import ConfigError, DataError


@keras.saving.register_keras_serializable(package="kerazoo")
class LogMelSpectrogram(layers.Layer):
    """y[t, m] = log(floor + sum_k M[k, m] |F[t, k]|^2).

    F[t] is the discrete Fourier transform of `frame_length` samples from t `frame_step` on, under a
    periodic Hann window and with zeros up to the next power of two; M are triangles, evenly spaced
    on the mel scale 2595 log10(1 + f / 700). Whole frames only, nothing is padded.

    There are no weights. F is a convolution with sines and cosines, so the layer runs on every
    backend and becomes builtin operators of a .tflite file, which know no complex numbers. Computed
    in float32 whatever the precision of the model: the spectrum needs the digits.

    Source: Davis, Mermelstein 1980, doi:10.1109/TASSP.1980.1163420; the numbers are those of
    `tf.signal.stft` and `tf.signal.linear_to_mel_weight_matrix` for an even `frame_length`; for an
    odd one their window is not periodic.

    Args:
        rate: samples per second, above 0.
        frame_length: samples, above 1.
        frame_step: samples from one frame's start to the next one's, above 0.
        bands: mel bands, above 0.
        lowest: where the first triangle begins, in Hz, 0 or above.
        highest: where the last one ends, in Hz, at most half the rate; None means half the rate.
        floor: above 0; keeps the logarithm of silence finite.

    Shape: `(batch, samples)`, -1..1, to `(batch, frames, bands)` with
    `frames = 1 + (samples - frame_length) // frame_step`.

    Raises: ConfigError if an argument is out of its range, DataError if the input is no batch of
    waveforms of `frame_length` samples or more.

    >>> layer = LogMelSpectrogram(8000, frame_length=200, frame_step=80, bands=40)
    >>> tuple(layer(np.zeros((2, 8000), "float32")).shape)
    (2, 98, 40)
    """

    def __init__(
        self,
        rate: int,
        frame_length: int = 200,
        frame_step: int = 80,
        bands: int = 40,
        lowest: float = 20.0,
        highest: float | None = None,
        floor: float = 1e-6,
        **kwargs: Any,
    ):
        super().__init__(**{"dtype": "float32", "autocast": False, **kwargs})
        self.rate = check_integer("rate", rate)
        self.frame_length = check_integer("frame_length", frame_length, least=2)
        self.frame_step = check_integer("frame_step", frame_step)
        self.bands = check_integer("bands", bands)
        self.lowest = check_number("lowest", lowest, least=0, below=rate / 2)
        self.highest = (
            None
            if highest is None
            else check_number("highest", highest, above=self.lowest, most=rate / 2)
        )
        self.floor = check_number("floor", floor, above=0)
        self._fourier = _fourier_kernel(self.frame_length)
        self._mel = _mel_matrix(
            self._fourier.shape[-1] // 2, rate, bands, self.lowest, self.highest or rate / 2
        )
        if not self._mel.any(axis=0).all():
            raise ConfigError(
                f"`bands`={bands} are too narrow for frames of {frame_length} samples: some hold "
                "no frequency at all. Use fewer bands or longer frames."
            )

    def build(self, input_shape):
        if len(input_shape) != 2 or (input_shape[1] or 0) < self.frame_length:
            raise DataError(
                f"Layer {self.name!r} takes (batch, samples) with {self.frame_length} samples or "
                f"more. Received: input_shape={tuple(input_shape)}."
            )

    def call(self, inputs):
        waves = ops.expand_dims(ops.cast(inputs, "float32"), -1)
        waves = ops.conv(waves, self._fourier, self.frame_step, "valid", "channels_last")
        cosines, sines = ops.split(waves, 2, axis=-1)
        power = ops.square(cosines) + ops.square(sines)
        return ops.cast(ops.log(ops.matmul(power, self._mel) + self.floor), self.compute_dtype)

    def compute_output_shape(self, input_shape):
        frames = 1 + (input_shape[-1] - self.frame_length) // self.frame_step
        return (input_shape[0], frames, self.bands)

    def get_config(self):
        return {
            **super().get_config(),
            "rate": self.rate,
            "frame_length": self.frame_length,
            "frame_step": self.frame_step,
            "bands": self.bands,
            "lowest": self.lowest,
            "highest": self.highest,
            "floor": self.floor,
        }


def _fourier_kernel(length: int) -> np.ndarray:
    """Windowed cosines, then sines, of all frequencies: float32 `(length, 1, 2 * frequencies)`."""
    size = 2 ** (length - 1).bit_length()
    time = np.arange(length)
    angles = 2 * np.pi / size * time[:, None] * np.arange(size // 2 + 1)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * time / length)
    waves = np.concatenate([np.cos(angles), np.sin(angles)], axis=1)
    return (window[:, None] * waves)[:, None].astype(np.float32)


def _mel_matrix(
    frequencies: int, rate: int, bands: int, lowest: float, highest: float
) -> np.ndarray:
    """Triangles over the mel scale, 1 at their tops: float32 `(frequencies, bands)`."""

    def mel(hertz: Any) -> Any:
        return 2595.0 * np.log10(1.0 + hertz / 700.0)

    edges = np.linspace(mel(lowest), mel(highest), bands + 2)
    left, top, right = edges[:-2], edges[1:-1], edges[2:]
    place = mel(np.linspace(0.0, rate / 2, frequencies))[:, None]
    rising, falling = (place - left) / (top - left), (right - place) / (right - top)
    triangles = np.maximum(0.0, np.minimum(rising, falling))
    triangles[0] = 0.0  # a constant has no pitch
    return triangles.astype(np.float32)
