"""Convolution, batch normalization, activation: the brick that convolutional nets are laid with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
from keras import layers

from kerazoo.argument_checks import check_integer, check_number
from kerazoo.errors import ConfigError, DataError
from kerazoo.layers._checks import as_pair, check_channels
from kerazoo.layers._initializers import fresh
from kerazoo.layers._trainable_parts import freeze_parts_with


@keras.saving.register_keras_serializable(package="kerazoo")
class ConvNormAct(layers.Layer):
    """y = activation(BN(K * x)), where * is a convolution: full, grouped, dilated or depthwise.

    There is no bias: the normalization's beta is one.

    Args:
        filters: channels of the output, an integer above 0; or None for a depthwise convolution,
            one filter for each channel of the input.
        kernel_size, strides, dilation_rate: an integer above 0, or two: height and width. One of
            strides and dilation may differ from 1; depthwise, both strides are the same.
        padding: "same" (as TensorFlow pads: more on the right and below) or "valid".
        groups: parts of the channels that are convolved apart; divides `filters` and the input's
            channels. 1 when `filters` is None.
        activation: a name or a function of `keras.activations`; None leaves it out.
        momentum, epsilon: of `keras.layers.BatchNormalization`: the part of the old in the moving
            averages at each step, 0 to 1, and what is added to the variance, above 0.
        kernel_initializer: of the convolution.

    Shape: `(batch, height, width, channels)`, channels last only whatever Keras's image data format
    is; to `(batch, new_height, new_width, filters)`. The dtype is the layer's compute dtype.

    Sublayers: `convolve` (a Conv2D or DepthwiseConv2D), `normalize`, `activate`. `call` is the
    chain of them, so that `keras.Model(x, layer.call(x))` shows the layer as a graph of Keras
    layers.

    Source: Ioffe, Szegedy 2015, arXiv:1502.03167, section 3.2 (normalization of convolutions).

    Raises: ConfigError if an argument is out of its range, DataError if the channels are
        not known or not a multiple of `groups`.

    >>> x = ConvNormAct(8, 3, strides=2)(keras.Input((32, 32, 3)))
    >>> x.shape
    (None, 16, 16, 8)
    >>> depthwise = ConvNormAct(None, 5, activation="silu")
    >>> depthwise(x).shape
    (None, 16, 16, 8)
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
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.filters = None if filters is None else check_integer("filters", filters)
        self.groups, self.padding = check_integer("groups", groups), padding
        self.kernel_size = as_pair("kernel_size", kernel_size)
        self.strides = as_pair("strides", strides)
        self.dilation_rate = as_pair("dilation_rate", dilation_rate)
        self.momentum = check_number("momentum", momentum, least=0, most=1)
        self.epsilon = check_number("epsilon", epsilon, above=0)
        self._check_arguments()
        self.activation = keras.activations.get(activation)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.input_spec = layers.InputSpec(ndim=4)

        self.convolve = self._convolution()
        self.normalize = layers.BatchNormalization(
            momentum=self.momentum, epsilon=self.epsilon, dtype=self.dtype_policy, name="normalize"
        )
        self.activate = layers.Activation(self.activation, dtype=self.dtype_policy, name="activate")

    def _check_arguments(self):
        if self.padding not in ("same", "valid"):
            raise ConfigError(f'`padding` must be "same" or "valid". Received: {self.padding!r}.')
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ConfigError(
                f"`strides` or `dilation_rate` must be 1. Received: strides={self.strides}, "
                f"dilation_rate={self.dilation_rate}."
            )
        if self.filters is None:
            self._check_depthwise()
        elif self.filters % self.groups:
            raise ConfigError(
                f"`groups` must divide `filters`. Received: groups={self.groups}, "
                f"filters={self.filters}."
            )

    def _check_depthwise(self):
        if self.groups != 1:
            raise ConfigError(
                f"`groups` must be 1 when `filters` is None: a depthwise convolution has a group "
                f"for each channel. Received: groups={self.groups}."
            )
        if len(set(self.strides)) > 1:  # TensorFlow cannot
            raise ConfigError(
                f"`strides` must be the same for height and width when `filters` is None. "
                f"Received: strides={self.strides}."
            )

    def _convolution(self):
        initializer = fresh(self.kernel_initializer)
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
        if input_shape[-1] % self.groups:
            raise DataError(
                f"The channels of the input must be a multiple of `groups`={self.groups}. "
                f"Received: input_shape={tuple(input_shape)}."
            )
        self.convolve.build(input_shape)
        self.normalize.build(self.convolve.compute_output_shape(input_shape))
        freeze_parts_with(self)

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
