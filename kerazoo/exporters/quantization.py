"""The affine map between real values and the integers of a quantized file.

real = scale * (stored - zero_point). Source: the LiteRT 8-bit quantization specification,
https://ai.google.dev/edge/litert/models/quantization_spec
"""

from __future__ import annotations

import numpy as np

from kerazoo.errors import DataError


def quantize(values: np.ndarray, scale: float, zero_point: int, dtype: str) -> np.ndarray:
    """Real values to stored integers: nearest step, halves to even, clipped to the dtype's range.

    Raises:
        DataError: NaN, which has no integer.

    >>> quantize(np.array([0.0, 0.5, 1.5, 300.0]), 1.0, -128, "int8").tolist()
    [-128, -128, -126, 127]
    """
    if values.dtype.kind == "f" and np.isnan(values).any():
        raise DataError("The input holds NaN, which an integer file cannot represent.")
    limits = np.iinfo(dtype)
    steps = np.rint(values.astype(np.float32) / np.float32(scale)) + zero_point
    return np.clip(steps, limits.min, limits.max).astype(dtype)


def dequantize(stored: np.ndarray, scale: float, zero_point: int) -> np.ndarray:
    """Stored integers to real float32 values; values that are not quantized come back as they are.

    >>> dequantize(np.array([-128, 127], "int8"), 0.5, -128).tolist()
    [0.0, 127.5]
    """
    if not scale:
        return stored
    return (stored.astype(np.float32) - np.float32(zero_point)) * np.float32(scale)
