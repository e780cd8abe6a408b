"""A batch normalization folded into the convolution before it: same outputs at inference.

gamma (K * x - mean) / sqrt(variance + epsilon) + beta = K' * x + b', for each output channel, with
K' = K s, b' = beta - mean s, s = gamma / sqrt(variance + epsilon).
Source: Jacob et al. 2018, arXiv:1712.05877, section 3.2.
"""

from __future__ import annotations

import keras
import numpy as np


def fold(
    kernel: np.ndarray, normalization: keras.layers.BatchNormalization
) -> tuple[np.ndarray, np.ndarray]:
    """Kernel and bias of the folded convolution, in float64.

    `kernel`: `(..., channels)`, its last axis that of the convolution's outputs.
    """
    scale, shift = scale_and_shift(normalization)
    return kernel * scale, shift


def scale_and_shift(
    normalization: keras.layers.BatchNormalization,
) -> tuple[np.ndarray, np.ndarray]:
    """s and b' of the formula, `(channels,)` each: the normalization at inference is x s + b'."""
    deviation = np.sqrt(as_array(normalization.moving_variance) + normalization.epsilon)
    scale = as_array(normalization.gamma) / deviation
    return scale, as_array(normalization.beta) - as_array(normalization.moving_mean) * scale


def as_array(variable: keras.Variable) -> np.ndarray:
    """The numbers of a variable, in float64."""
    return np.asarray(keras.ops.convert_to_numpy(variable), "float64")
