"""Channels weighed by what the whole picture holds (squeeze and excitation, Hu et al. 2018)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
from keras import layers

from kerazoo.argument_checks import check_integer, check_number
from kerazoo.layers._checks import check_channels
from kerazoo.layers._initializers import fresh
from kerazoo.layers._trainable_parts import freeze_parts_with


@keras.saving.register_keras_serializable(package="kerazoo")
class SqueezeExcite(layers.Layer):
    """y = x * gate(W2 act(W1 mean(x) + b1) + b2): a factor for each channel of each sample.

    The mean is over height and width. W1 leads to a bottleneck of `ratio` times the channels,
    rounded down, at least 1; W2 leads back. Both are 1 x 1 convolutions of a 1 x 1 picture, so that
    the layer stays four-dimensional for converters.

    | as in | arguments |
    |---|---|
    | the paper | the defaults |
    | MobileNetV3 | `ratio=0.25, gate_activation="hard_sigmoid"` (it rounds the width to eights) |
    | EfficientNet | `bottleneck_filters=block_input // 4, activation="silu"` |

    Source: Hu, Shen, Sun 2018, arXiv:1709.01507, equations 2 to 4. Changed: b1 and b2, as in the
    authors' code.

    Args:
        ratio: width of the bottleneck as a fraction of the channels, above 0. The paper writes its
            inverse, 16.
        bottleneck_filters: that width as a number, in place of `ratio`; an integer above 0 or None.
        activation: after W1, a name or a function of `keras.activations`.
        gate_activation: after W2; should give values from 0 to 1.
        kernel_initializer: of W1 and W2.

    Shape: `(batch, height, width, channels)`, channels last only whatever Keras's image data format
    is; the same out. The dtype is the layer's compute dtype.

    Sublayers: `squeeze`, `reduce`, `expand`, `excite`; `call` is a chain of them, so that
    `keras.Model(x, layer.call(x))` shows the layer as a graph of Keras layers.

    Raises: ConfigError if an argument is out of its range, DataError if the channels are not known.

    >>> layer = SqueezeExcite(ratio=0.25)
    >>> layer(keras.Input((5, 5, 16))).shape
    (None, 5, 5, 16)
    >>> layer.reduce.filters, layer.count_params()
    (4, 148)
    """

    def __init__(
        self,
        ratio: float = 1 / 16,
        bottleneck_filters: int | None = None,
        activation: str | Callable = "relu",
        gate_activation: str | Callable = "sigmoid",
        kernel_initializer: str | keras.Initializer = "he_normal",
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.ratio = check_number("ratio", ratio, above=0)
        if bottleneck_filters is not None:
            bottleneck_filters = check_integer("bottleneck_filters", bottleneck_filters)
        self.bottleneck_filters = bottleneck_filters
        self.activation = keras.activations.get(activation)
        self.gate_activation = keras.activations.get(gate_activation)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.input_spec = layers.InputSpec(ndim=4)

    def build(self, input_shape):
        check_channels(self.name, input_shape)
        channels = input_shape[-1]
        width = self.bottleneck_filters or bottleneck_width(channels, self.ratio)
        self.squeeze = layers.GlobalAveragePooling2D(
            data_format="channels_last", keepdims=True, dtype=self.dtype_policy, name="squeeze"
        )
        self.reduce = self._pointwise(width, self.activation, "reduce")
        self.expand = self._pointwise(channels, self.gate_activation, "expand")
        self.excite = layers.Multiply(dtype=self.dtype_policy, name="excite")
        self.reduce.build((None, 1, 1, channels))
        self.expand.build((None, 1, 1, width))
        freeze_parts_with(self)

    def _pointwise(self, filters, activation, name):
        return layers.Conv2D(
            filters,
            1,
            activation=activation,
            data_format="channels_last",
            kernel_initializer=fresh(self.kernel_initializer),
            dtype=self.dtype_policy,
            name=name,
        )

    def call(self, inputs):
        gate = self.expand(self.reduce(self.squeeze(inputs)))
        return self.excite([inputs, gate])

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {
            **super().get_config(),
            "ratio": self.ratio,
            "bottleneck_filters": self.bottleneck_filters,
            "activation": keras.activations.serialize(self.activation),
            "gate_activation": keras.activations.serialize(self.gate_activation),
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }


def bottleneck_width(channels: int, ratio: float) -> int:
    """`ratio` times the channels, rounded down, at least 1."""
    return max(1, int(channels * ratio + 1e-6))  # 98 * (1 / 49) is a little less than 2
