"""Convolution and batch normalization in plain NumPy: what the convolution layers are held to."""

from types import SimpleNamespace

import numpy as np
import pytest


def convolve(images, kernel, strides=(1, 1), padding="same", dilation=(1, 1), groups=1):
    """`kernel`: (height, width, inputs / groups, outputs). "same" as TensorFlow defines it."""
    reach = [(side - 1) * step + 1 for side, step in zip(kernel.shape[:2], dilation, strict=True)]
    if padding == "same":
        around = [
            same_padding(*axis) for axis in zip(images.shape[1:3], reach, strides, strict=True)
        ]
        images = np.pad(images, [(0, 0), *around, (0, 0)])
    rows, columns = (
        (size - span) // stride + 1
        for size, span, stride in zip(images.shape[1:3], reach, strides, strict=True)
    )
    inputs, outputs = kernel.shape[2], kernel.shape[3] // groups
    result = np.zeros((len(images), rows, columns, kernel.shape[3]))
    for group in range(groups):
        own = slice(group * outputs, (group + 1) * outputs)
        part = images[..., group * inputs : (group + 1) * inputs]
        for row in range(rows):
            for column in range(columns):
                top, left = row * strides[0], column * strides[1]
                window = part[
                    :, top : top + reach[0] : dilation[0], left : left + reach[1] : dilation[1]
                ]
                result[:, row, column, own] = np.einsum("bhwi,hwio->bo", window, kernel[..., own])
    return result


def convolve_depthwise(images, kernel, strides=(1, 1), padding="same", dilation=(1, 1)):
    """`kernel`: (height, width, channels, multiplier)."""
    height, width, channels, multiplier = kernel.shape
    grouped = kernel.reshape(height, width, 1, channels * multiplier)
    return convolve(images, grouped, strides, padding, dilation, groups=channels)


def same_padding(size, reach, stride):
    total = max((int(np.ceil(size / stride)) - 1) * stride + reach - size, 0)
    return total // 2, total - total // 2


def normalize(x, layer):
    """With the moving statistics of a keras.layers.BatchNormalization."""
    gamma, beta, mean, variance = (np.asarray(weight, "float64") for weight in layer.get_weights())
    return gamma * (x - mean) / np.sqrt(variance + layer.epsilon) + beta


@pytest.fixture
def by_numpy():
    return SimpleNamespace(
        convolve=convolve, convolve_depthwise=convolve_depthwise, normalize=normalize
    )


@pytest.fixture
def scatter():
    """Gives a layer weights and statistics that nothing hides behind: scales and shifts of all."""

    def assign(layer, seed=0):
        rng = np.random.default_rng(seed)
        for weight in layer.weights:
            low = 0.3 if "variance" in weight.name else -1.0
            weight.assign(rng.uniform(low, 1.5, weight.shape))
        return layer

    return assign
