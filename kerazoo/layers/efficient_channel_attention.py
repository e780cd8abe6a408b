"""Channels weighed by their neighbours in the list of channels (ECA-Net, Wang et al. 2020)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import keras
from keras import layers

from kerazoo.argument_checks import check_integer, check_number
from kerazoo.errors import ConfigError
from kerazoo.layers._checks import check_channels
from kerazoo.layers._trainable_parts import freeze_parts_with


@keras.saving.register_keras_serializable(package="kerazoo")
class EfficientChannelAttention(layers.Layer):
    """y = x * gate(w * mean(x)): a one-dimensional convolution over the channels' means.

    The mean is over height and width. w has `kernel_size` weights in all, shared by all channels
    and without a bias: squeeze and excitation without its bottleneck, for a handful of parameters.
    By default the size follows the number of channels C: the odd number at or above
    t = floor(|log2(C) + b| / gamma), at least 1.

    Source: Wang, Wu, Zhu, Li, Zuo, Hu 2020, arXiv:1910.03151, equations 9 and 12; rounding as in
    the paper's figure 3 (t if odd, else t + 1).

    Args:
        kernel_size: odd integer above 0, or None for the formula.
        gamma: above 0; the paper's 2.
        b: the paper's 1.
        gate_activation: a name or a function of `keras.activations` with values from 0 to 1.

    Shape: `(batch, height, width, channels)`, channels last only whatever Keras's image data format
    is; the same out. The dtype is the layer's compute dtype.

    Sublayers: `squeeze`, `line_up`, `convolve`, `spread`, `excite`; `call` is a chain of them, so
    that `keras.Model(x, layer.call(x))` shows the layer as a graph of Keras layers.

    Raises: ConfigError if an argument is out of its range, DataError if the channels are not known.

    >>> layer = EfficientChannelAttention()
    >>> layer(keras.Input((5, 5, 64))).shape
    (None, 5, 5, 64)
    >>> layer.count_params()
    3
    """

    def __init__(
        self,
        kernel_size: int | None = None,
        gamma: float = 2.0,
        b: float = 1.0,
        gate_activation: str | Callable = "sigmoid",
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        if kernel_size is not None:
            kernel_size = check_integer("kernel_size", kernel_size)
            if kernel_size % 2 == 0:
                raise ConfigError(f"`kernel_size` must be odd. Received: {kernel_size}.")
        self.kernel_size = kernel_size
        self.gamma = check_number("gamma", gamma, above=0)
        self.b = check_number("b", b)
        self.gate_activation = keras.activations.get(gate_activation)
        self.input_spec = layers.InputSpec(ndim=4)

    def build(self, input_shape):
        check_channels(self.name, input_shape)
        channels = input_shape[-1]
        policy = self.dtype_policy
        self.squeeze = layers.GlobalAveragePooling2D(
            data_format="channels_last", dtype=policy, name="squeeze"
        )
        # The channels as a picture one pixel high: quantizers know kernels of four dimensions.
        self.line_up = layers.Reshape((1, channels, 1), dtype=policy, name="line_up")
        self.convolve = layers.Conv2D(
            1,
            (1, self.kernel_size or adaptive_kernel_size(channels, self.gamma, self.b)),
            padding="same",
            activation=self.gate_activation,
            use_bias=False,
            data_format="channels_last",
            dtype=policy,
            name="convolve",
        )
        self.spread = layers.Reshape((1, 1, channels), dtype=policy, name="spread")
        self.excite = layers.Multiply(dtype=policy, name="excite")
        self.convolve.build((None, 1, channels, 1))
        freeze_parts_with(self)

    def call(self, inputs):
        gate = self.convolve(self.line_up(self.squeeze(inputs)))
        return self.excite([inputs, self.spread(gate)])

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {
            **super().get_config(),
            "kernel_size": self.kernel_size,
            "gamma": self.gamma,
            "b": self.b,
            "gate_activation": keras.activations.serialize(self.gate_activation),
        }


def adaptive_kernel_size(channels: int, gamma: float, b: float) -> int:
    """The odd number at or above floor(|log2(channels) + b| / gamma); 1 at least."""
    size = int(abs(math.log2(channels) + b) / gamma)
    return size if size % 2 else size + 1
