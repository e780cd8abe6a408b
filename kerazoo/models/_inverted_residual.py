"""Inverted residuals (Sandler et al. 2018, arXiv:1801.04381) as named, plain Keras layers.

Builders use these rather than `kerazoo.layers.InvertedResidual` so that each convolution is a layer
of the model: to prune, to quantize, and to name in a weights file.
"""

from __future__ import annotations

from typing import NamedTuple

import keras
from keras import layers


class Normalization(NamedTuple):
    """What every BatchNormalization of a network shares, in Keras's terms."""

    momentum: float = 0.9
    epsilon: float = 1e-3


QUICK = Normalization()
"""For small data: its averages follow within tens of steps."""


def inverted_residual(
    inputs: keras.KerasTensor,
    expansion: int,
    filters: int,
    *,
    strides: int,
    name: str,
    kernel_size: int = 3,
    drop_connect: float = 0.0,
    normalization: Normalization = QUICK,
) -> keras.KerasTensor:
    """1x1 up, depthwise, 1x1 down without activation; the input added where shapes agree.

    Args:
        expansion: channels of the depthwise convolution per input channel; 1 leaves out the 1x1 up.
        drop_connect: in training, the fraction of samples for which the input alone goes on
            (stochastic depth, Huang et al. 2016, arXiv:1603.09382).
    """
    x, channels = inputs, inputs.shape[-1]
    if expansion > 1:
        x = conv_norm(
            x,
            layers.Conv2D(channels * expansion, 1, use_bias=False, name=f"{name}_expand"),
            normalization,
        )
    depthwise = layers.DepthwiseConv2D(
        kernel_size, strides=strides, padding="same", use_bias=False, name=f"{name}_depthwise"
    )
    x = conv_norm(x, depthwise, normalization)
    project = layers.Conv2D(filters, 1, use_bias=False, name=f"{name}_project")
    norm = layers.BatchNormalization(**normalization._asdict(), name=f"{name}_project_norm")
    x = norm(project(x))
    if strides == 1 and channels == filters:
        if drop_connect:
            x = layers.Dropout(
                drop_connect, noise_shape=(None, 1, 1, 1), name=f"{name}_drop_connect"
            )(x)
        x = layers.Add(name=f"{name}_add")([inputs, x])
    return x


def conv_norm(
    inputs: keras.KerasTensor, conv: keras.Layer, normalization: Normalization = QUICK
) -> keras.KerasTensor:
    """A convolution, its normalization, and ReLU6, named after it."""
    norm = layers.BatchNormalization(**normalization._asdict(), name=f"{conv.name}_norm")
    return layers.ReLU(6.0, name=f"{conv.name}_relu6")(norm(conv(inputs)))
