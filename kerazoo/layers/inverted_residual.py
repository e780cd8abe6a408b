"""The block of MobileNetV2, MobileNetV3 and EfficientNet: wide inside, narrow at both ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
from keras import layers

from kerazoo.argument_checks import check_integer, check_number
from kerazoo.errors import DataError
from kerazoo.layers._checks import as_pair, check_channels
from kerazoo.layers._trainable_parts import freeze_parts_with
from kerazoo.layers.conv_norm_act import ConvNormAct
from kerazoo.layers.drop_path import DropPath
from kerazoo.layers.squeeze_excite import SqueezeExcite, bottleneck_width


@keras.saving.register_keras_serializable(package="kerazoo")
class InvertedResidual(layers.Layer):
    """y = x + drop_path(project(squeeze_excite(depthwise(expand(x))))).

    `expand` is a 1 x 1 convolution to `expand_ratio` times the channels (left out at 1),
    `depthwise` a convolution of each channel for itself, `project` a 1 x 1 convolution to `filters`
    channels without an activation; each with batch normalization. x is added only where the shapes
    agree: strides of 1 and as many channels out as in.

    MobileNetV2's block: the defaults. EfficientNet's MBConv: `activation="silu", se_ratio=0.25`.
    MobileNetV3's: `activation="hard_swish", se_ratio=expand_ratio / 4, se_activation="relu",
    se_gate_activation="hard_sigmoid"`.

    Source: Sandler et al. 2018, arXiv:1801.04381, table 1; Tan, Le 2019, arXiv:1905.11946; Howard
    et al. 2019, arXiv:1905.02244. Equal to the blocks of `keras.applications` for the same weights.
    Changed: numbers of channels are not rounded to multiples of 8.

    Args:
        filters: channels of the output, an integer above 0.
        kernel_size: of the depthwise convolution, an integer above 0 or two.
        strides: of the depthwise convolution, an integer above 0.
        expand_ratio: width inside over the input's channels, above 0; the product is rounded.
        se_ratio: bottleneck of the squeeze and excitation over the *input's* channels
            (EfficientNet's definition), rounded down; 0 leaves it out.
        activation: after `expand` and `depthwise`, a name or function of `keras.activations`.
        se_activation: inside of the squeeze and excitation; None takes `activation`.
        se_gate_activation: at its end.
        drop_path_rate: probability of dropping the branch of a sample in training, 0 to below 1.
            Has no effect where x is not added.
        momentum, epsilon: of the batch normalizations.
        kernel_initializer: of all convolutions.
        seed: of `drop_path`, an integer or None.

    Shape: `(batch, height, width, channels)`, channels last only whatever Keras's image data format
    is; to `(batch, ceil(height / strides), ceil(width / strides), filters)`. The dtype is the
    layer's compute dtype.

    Sublayers: `expand` (None at ratio 1), `depthwise`, `squeeze_excite` (None at ratio 0),
    `project`; `drop_path` and `add` are used if `adds_input`.

    Raises: ConfigError if an argument is out of its range, DataError if the channels are not known.

    >>> InvertedResidual(24, strides=2)(keras.Input((56, 56, 16))).shape
    (None, 28, 28, 24)
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int | tuple[int, int] = 3,
        strides: int = 1,
        expand_ratio: float = 6,
        se_ratio: float = 0,
        activation: str | Callable | None = "relu6",
        se_activation: str | Callable | None = None,
        se_gate_activation: str | Callable = "sigmoid",
        drop_path_rate: float = 0.0,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        kernel_initializer: str | keras.Initializer = "he_normal",
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.filters = check_integer("filters", filters)
        self.strides = check_integer("strides", strides)
        self.kernel_size = as_pair("kernel_size", kernel_size)
        self.expand_ratio = check_number("expand_ratio", expand_ratio, above=0)
        self.se_ratio = check_number("se_ratio", se_ratio, least=0)
        self.activation = keras.activations.get(activation)
        self.se_activation = None if se_activation is None else keras.activations.get(se_activation)
        self.se_gate_activation = keras.activations.get(se_gate_activation)
        self.drop_path_rate = check_number("drop_path_rate", drop_path_rate, least=0, below=1)
        self.seed = seed
        self.momentum = check_number("momentum", momentum, least=0, most=1)
        self.epsilon = check_number("epsilon", epsilon, above=0)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.input_spec = layers.InputSpec(ndim=4)

    def build(self, input_shape):
        check_channels(self.name, input_shape)
        channels = input_shape[-1]
        width = round(channels * self.expand_ratio)
        if width == 0:
            raise DataError(
                f"`expand_ratio`={self.expand_ratio} leaves none of the {channels} channels. "
                f"Received: input_shape={tuple(input_shape)}."
            )
        shape = input_shape
        self.expand = self.squeeze_excite = None
        if self.expand_ratio != 1:
            self.expand = self._convolution("expand", width, 1)
            shape = self._build(self.expand, shape)
        self.depthwise = self._convolution("depthwise", None, self.kernel_size, self.strides)
        shape = self._build(self.depthwise, shape)
        if self.se_ratio:
            self.squeeze_excite = self._squeeze_excite(bottleneck_width(channels, self.se_ratio))
            shape = self._build(self.squeeze_excite, shape)
        self.project = self._convolution("project", self.filters, 1, activation=None)
        shape = self._build(self.project, shape)
        self.adds_input = channels == self.filters and self.strides == 1
        self.drop_path = DropPath(
            self.drop_path_rate, self.seed, dtype=self.dtype_policy, name="drop_path"
        )
        self.add = layers.Add(dtype=self.dtype_policy, name="add")
        freeze_parts_with(self)

    def _convolution(self, name, filters, kernel_size, strides=1, **arguments):
        arguments = {"activation": self.activation, **arguments}
        return ConvNormAct(
            filters,
            kernel_size,
            strides,
            momentum=self.momentum,
            epsilon=self.epsilon,
            kernel_initializer=self.kernel_initializer,
            dtype=self.dtype_policy,
            name=name,
            **arguments,
        )

    def _squeeze_excite(self, bottleneck_filters):
        return SqueezeExcite(
            bottleneck_filters=bottleneck_filters,
            activation=self.activation if self.se_activation is None else self.se_activation,
            gate_activation=self.se_gate_activation,
            kernel_initializer=self.kernel_initializer,
            dtype=self.dtype_policy,
            name="squeeze_excite",
        )

    def _build(self, layer, shape):
        layer.build(shape)
        return layer.compute_output_shape(shape)

    def call(self, inputs, training=None):
        x = inputs
        if self.expand is not None:
            x = self.expand(x, training=training)
        x = self.depthwise(x, training=training)
        if self.squeeze_excite is not None:
            x = self.squeeze_excite(x)
        x = self.project(x, training=training)
        if not self.adds_input:
            return x
        return self.add([inputs, self.drop_path(x, training=training)])

    def compute_output_shape(self, input_shape):
        batch, *sizes, _ = input_shape
        sizes = [size and -(-size // self.strides) for size in sizes]  # unknown stays unknown
        return (batch, *sizes, self.filters)

    def get_config(self):
        se_activation = self.se_activation
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "expand_ratio": self.expand_ratio,
            "se_ratio": self.se_ratio,
            "activation": keras.activations.serialize(self.activation),
            "se_activation": se_activation and keras.activations.serialize(se_activation),
            "se_gate_activation": keras.activations.serialize(self.se_gate_activation),
            "drop_path_rate": self.drop_path_rate,
            "momentum": self.momentum,
            "epsilon": self.epsilon,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
            "seed": self.seed,
        }
