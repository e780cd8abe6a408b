"""Half of the channels by convolution, the other half from these, cheaply (GhostNet)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
from keras import layers

from kerazoo.argument_checks import check_integer, check_number
from kerazoo.errors import ConfigError
from kerazoo.layers._checks import as_pair, check_channels
from kerazoo.layers._initializers import fresh
from kerazoo.layers._trainable_parts import freeze_parts_with
from kerazoo.layers.conv_norm_act import ConvNormAct


@keras.saving.register_keras_serializable(package="kerazoo")
class GhostModule(layers.Layer):
    """y = concatenate(p, activation(BN(D * p))), p = activation(BN(K * x)).

    K is a convolution to `filters / ratio` channels, the intrinsic ones; D a depthwise convolution
    that makes the other `ratio - 1` parts, the ghosts, from them. About `ratio` times cheaper than
    a convolution to `filters` channels.

    Source: Han, Wang, Tian, Guo, Xu, Xu 2020, "GhostNet", arXiv:1911.11907, section 3.1;
    normalization and activation as in the authors' code. Changed: `ratio` must divide `filters`,
    where theirs makes too many channels and cuts.

    Args:
        filters: channels of the output, an integer above 0.
        kernel_size: of K, an integer above 0 or two.
        strides: of K, likewise.
        ratio: the paper's s, an integer from 2 up that divides `filters`.
        ghost_kernel_size: of D, the paper's d; an integer above 0 or two.
        activation: of both parts; a name or a function of `keras.activations`, or None.
        momentum, epsilon: of the batch normalizations.
        kernel_initializer: of both convolutions.

    Shape: `(batch, height, width, channels)`, channels last only whatever Keras's image data format
    is; to `(batch, ceil(height / strides), ceil(width / strides), filters)`. The dtype is the
    layer's compute dtype.

    Sublayers: `primary` (a ConvNormAct), `ghost`, `ghost_normalize`, `ghost_activate`,
    `concatenate`; `call` is a chain of them, so that `keras.Model(x, layer.call(x))` shows the
    layer as a graph of Keras layers.

    Raises: ConfigError if an argument is out of its range, DataError if the channels are not known.

    >>> GhostModule(32)(keras.Input((14, 14, 16))).shape
    (None, 14, 14, 32)
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int | tuple[int, int] = 1,
        strides: int | tuple[int, int] = 1,
        ratio: int = 2,
        ghost_kernel_size: int | tuple[int, int] = 3,
        activation: str | Callable | None = "relu",
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        kernel_initializer: str | keras.Initializer = "he_normal",
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.filters = check_integer("filters", filters)
        self.ratio = check_integer("ratio", ratio, least=2)
        if filters % ratio:
            raise ConfigError(
                f"`ratio` must divide `filters`. Received: ratio={ratio}, filters={filters}."
            )
        self.kernel_size = as_pair("kernel_size", kernel_size)
        self.strides = as_pair("strides", strides)
        self.ghost_kernel_size = as_pair("ghost_kernel_size", ghost_kernel_size)
        self.activation = keras.activations.get(activation)
        self.momentum = check_number("momentum", momentum, least=0, most=1)
        self.epsilon = check_number("epsilon", epsilon, above=0)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.input_spec = layers.InputSpec(ndim=4)
        self._make_primary()
        self._make_ghosts()

    def _make_primary(self):
        self.primary = ConvNormAct(
            self.filters // self.ratio,
            self.kernel_size,
            self.strides,
            activation=self.activation,
            momentum=self.momentum,
            epsilon=self.epsilon,
            kernel_initializer=self.kernel_initializer,
            dtype=self.dtype_policy,
            name="primary",
        )

    def _make_ghosts(self):
        policy = self.dtype_policy
        self.ghost = layers.DepthwiseConv2D(
            self.ghost_kernel_size,
            padding="same",
            depth_multiplier=self.ratio - 1,
            use_bias=False,
            data_format="channels_last",
            depthwise_initializer=fresh(self.kernel_initializer),
            dtype=policy,
            name="ghost",
        )
        self.ghost_normalize = layers.BatchNormalization(
            momentum=self.momentum, epsilon=self.epsilon, dtype=policy, name="ghost_normalize"
        )
        self.ghost_activate = layers.Activation(
            self.activation, dtype=policy, name="ghost_activate"
        )
        self.concatenate = layers.Concatenate(dtype=policy, name="concatenate")

    def build(self, input_shape):
        check_channels(self.name, input_shape)
        self.primary.build(input_shape)
        intrinsic = self.primary.compute_output_shape(input_shape)
        self.ghost.build(intrinsic)
        self.ghost_normalize.build(self.ghost.compute_output_shape(intrinsic))
        freeze_parts_with(self)

    def call(self, inputs, training=None):
        intrinsic = self.primary(inputs, training=training)
        ghosts = self.ghost_normalize(self.ghost(intrinsic), training=training)
        return self.concatenate([intrinsic, self.ghost_activate(ghosts)])

    def compute_output_shape(self, input_shape):
        return (*self.primary.compute_output_shape(input_shape)[:-1], self.filters)

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "strides": self.strides,
            "ratio": self.ratio,
            "ghost_kernel_size": self.ghost_kernel_size,
            "activation": keras.activations.serialize(self.activation),
            "momentum": self.momentum,
            "epsilon": self.epsilon,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }
