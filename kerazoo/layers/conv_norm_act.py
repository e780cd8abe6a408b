"""Convolution, batch normalization, activation: the brick that convolutional nets are laid with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
from keras import layers

from kerazoo.errors import ConfigError
from kerazoo.layers._checks import as_pair, check_channels, check_count


@keras.saving.register_keras_serializable(package="kerazoo")
class ConvNormAct(layers.Layer):
    """y = activation(BN(K * x)), where * is a convolution: full, grouped, dilated or depthwise.

    There is no bias: the normalization's beta is one.

    Args:
        filters: channels of the output, an integer above 0; or None for a depthwise convolution,
            one filter for each channel of the input.
        kernel_size, strides, dilation_rate: an integer above 0, or two: height and width. One of
            strides and dilation may differ from 1.
        padding: "same" (as TensorFlow pads: more on the right and below) or "valid".
        groups: parts of the channels that are convolved apart; divides `filters` and the input's
            channels. 1 when `filters` is None.
        activation: a name or a function of `keras.activations`; None leaves it out.
        momentum, epsilon: of `keras.layers.BatchNormalization`: the part of the old in the moving
            averages at each step, and what is added to the variance.
        kernel_initializer: of the convolution.

    Shape: `(batch, height, width, channels)`, channels last only whatever Keras's image data format
    is; to `(batch, new_height, new_width, filters)`. The dtype is the layer's compute dtype.

    Sublayers: `convolve` (a Conv2D or DepthwiseConv2D), `normalize`, `activate`. `call` is the
    chain of them, so that `keras.Model(x, layer.call(x))` shows the layer as a graph of Keras
    layers.

    Source: Ioffe, Szegedy 2015, arXiv:1502.03167, section 3.2 (normalization of convolutions).

    Raises: ConfigError if an argument is out of its range, DataError if the channels are not known.

    >>> layer = ConvNormAct(8, 3, strides=2)
    >>> layer(np.ones((1, 32, 32, 3))).shape
    (1, 16, 16, 8)
    >>> depthwise = ConvNormAct(None, 5, activation="silu")
    >>> depthwise(np.ones((1, 32, 32, 6))).shape
    (1, 32, 32, 6)
    """

    def __init__(
        self,
        filters: int | None,
        kernel_size: int | tuple[int, int] = 3,
        strides: int | tuple[int, int] = 1,
        padding: str = "same",
        dilation_rate: int | tuple[int, int] = 1,
        groups: int = 1,
        activation: str | Callable | None = "relu",
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        kernel_initializer: str | keras.Initializer = "he_normal",
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.filters, self.groups = filters, groups
        self._check_channels_out()
        if padding not in ("same", "valid"):
            raise ConfigError(f'`padding` must be "same" or "valid". Received: {padding!r}.')
        self.kernel_size, self.padding = as_pair("kernel_size", kernel_size), padding
        self.strides = as_pair("strides", strides)
        self.dilation_rate = as_pair("dilation_rate", dilation_rate)
        self.momentum, self.epsilon = momentum, epsilon
        self.activation = keras.activations.get(activation)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.input_spec = layers.InputSpec(ndim=4)

        self.convolve = self._convolution()
        self.normalize = layers.BatchNormalization(
            momentum=momentum, epsilon=epsilon, dtype=self.dtype_policy, name="normalize"
        )
        self.activate = layers.Activation(self.activation, dtype=self.dtype_policy, name="activate")

    def _check_channels_out(self):
        check_count("groups", self.groups)
        if self.filters is not None:
            check_count("filters", self.filters)
        elif self.groups != 1:
            raise ConfigError(
                f"`groups` must be 1 when `filters` is None: a depthwise convolution has a group "
                f"for each channel. Received: groups={self.groups}."
            )

    def _convolution(self):
        # A copy of the initializer: one object gives equal numbers wherever it is used.
        initializer = keras.initializers.serialize(self.kernel_initializer)
        arguments: dict[str, Any] = {
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "padding": self.padding,
            "dilation_rate": self.dilation_rate,
            "use_bias": False,
            "data_format": "channels_last",
            "dtype": self.dtype_policy,
            "name": "convolve",
        }
        if self.filters is None:
            return layers.DepthwiseConv2D(depthwise_initializer=initializer, **arguments)
        return layers.Conv2D(
            self.filters, groups=self.groups, kernel_initializer=initializer, **arguments
        )

    def build(self, input_shape):
        check_channels(self.name, input_shape)
        self.convolve.build(input_shape)
        self.normalize.build(self.convolve.compute_output_shape(input_shape))

    def call(self, inputs, training=None):
        x = self.normalize(self.convolve(inputs), training=training)
        return self.activate(x)

    def compute_output_shape(self, input_shape):
        return self.convolve.compute_output_shape(input_shape)

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "padding": self.padding,
            "dilation_rate": self.dilation_rate,
            "groups": self.groups,
            "activation": keras.activations.serialize(self.activation),
            "momentum": self.momentum,
            "epsilon": self.epsilon,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }
