"""Where the kernels of convolutions and dense layers have their output and input channels."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

_DEPTHWISE = (keras.layers.DepthwiseConv1D, keras.layers.DepthwiseConv2D)
_TRANSPOSED = (
    keras.layers.Conv1DTranspose,
    keras.layers.Conv2DTranspose,
    keras.layers.Conv3DTranspose,
)
_CONVOLUTIONS = (keras.layers.Conv1D, keras.layers.Conv2D, keras.layers.Conv3D)

CHANNELED = (*_CONVOLUTIONS, *_DEPTHWISE, *_TRANSPOSED, keras.layers.Dense)
"""Layers with one `kernel` of which an output channel is a slice, and an `activation`."""


def is_grouped(layer: Any) -> bool:
    """Whether an output channel sees some of the input channels only, and is not depthwise."""
    return getattr(layer, "groups", 1) > 1


def with_scaled_outputs(layer: Any, kernel: np.ndarray, factor: np.ndarray) -> np.ndarray:
    """The kernel with output channel i times `factor[i]`."""
    if isinstance(layer, _DEPTHWISE):
        return kernel * factor.reshape(kernel.shape[-2:])
    if isinstance(layer, _TRANSPOSED):
        return kernel * factor[:, None]
    return kernel * factor


def with_scaled_inputs(layer: Any, kernel: np.ndarray, factor: np.ndarray) -> np.ndarray:
    """The kernel with input channel i times `factor[i]`.

    A dense layer behind a Flatten has more inputs than channels: they come round again.
    """
    if isinstance(layer, _TRANSPOSED):
        return kernel * factor
    return kernel * np.resize(factor, kernel.shape[-2])[:, None]


def output_peaks(layer: Any, kernel: np.ndarray) -> np.ndarray:
    """max|w| of each output channel, `(channels,)`."""
    if isinstance(layer, _DEPTHWISE):
        return _peaks(kernel, (-2, -1)).ravel()
    return _peaks(kernel, (-2 if isinstance(layer, _TRANSPOSED) else -1,))


def input_peaks(layer: Any, kernel: np.ndarray, channels: int) -> np.ndarray:
    """max|w| of each input channel, `(channels,)`."""
    peaks = _peaks(kernel, (-1 if isinstance(layer, _TRANSPOSED) else -2,))
    return peaks.reshape(-1, channels).max(axis=0)


def _peaks(kernel: np.ndarray, kept: tuple[int, ...]) -> np.ndarray:
    kept = tuple(axis % kernel.ndim for axis in kept)
    others = tuple(axis for axis in range(kernel.ndim) if axis not in kept)
    return np.abs(kernel).max(axis=others)


def quantization_axes(layer: Any, kernel: np.ndarray) -> tuple[int, ...]:
    """The dimensions of a kernel that count the channels with a step of their own in the file.

    Convolutions have one step per output channel; dense and transposed ones, one in all.
    """
    if isinstance(layer, _DEPTHWISE):
        return (kernel.ndim - 2, kernel.ndim - 1)
    if isinstance(layer, _CONVOLUTIONS):
        return (kernel.ndim - 1,)
    return ()
