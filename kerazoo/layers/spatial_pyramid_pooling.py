"""Context at several distances: atrous spatial pyramid pooling (DeepLabV3, Chen et al. 2017)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import layers, ops

from kerazoo.argument_checks import check_integer, check_integers, check_number
from kerazoo.layers._checks import check_channels
from kerazoo.layers._trainable_parts import freeze_parts_with
from kerazoo.layers.conv_norm_act import ConvNormAct


@keras.saving.register_keras_serializable(package="kerazoo")
class SpatialPyramidPooling(layers.Layer):
    """y = C1([C1(x); C3_r1(x); ...; C3_rn(x); image(x)]), all parts as large as x.

    C1 is a convolution of 1 x 1, C3_r of 3 x 3 with dilation r, each followed by batch
    normalization and activation. image(x) is C1 of the mean over height and width, the same at
    every place. `dilation_rates` of (6, 12, 18) are for features of 1/16 of the picture's side,
    (12, 24, 36) for 1/8.

    Source: Chen, Papandreou, Schroff, Adam 2017, arXiv:1706.05587, section 3.3; for `separable`
    Chen et al. 2018 (DeepLabV3+), arXiv:1802.02611, section 3.1. The dropout that the authors' code
    ends with is left to the caller.

    Args:
        filters: channels of each part and of the output, above 0.
        dilation_rates: integers above 0, one for each C3; at least one.
        separable: whether a C3 is a dilated depthwise convolution, then a C1: fewer parameters and
            operations.
        activation: a name or a function of `keras.activations`.
        momentum, epsilon: of the batch normalizations.
        kernel_initializer: of all convolutions.

    Shape: `(batch, height, width, channels)`, channels last only, to `(batch, height, width,
    filters)`; height and width may be unknown when a model is built. In training a batch needs two
    pictures or more: the normalization of a single image(x) leaves nothing of it.

    Sublayers: `point`, `depthwise` and `dilated` (lists; the first is empty unless `separable`),
    `mean`, `image`, `merge`.

    Raises: ConfigError if an argument is out of its range, DataError if the channels are not known.

    >>> layer = SpatialPyramidPooling(8, dilation_rates=(2, 4))
    >>> tuple(layer(np.ones((1, 10, 12, 3))).shape)
    (1, 10, 12, 8)
    """

    def __init__(
        self,
        filters: int = 256,
        dilation_rates: Sequence[int] = (6, 12, 18),
        separable: bool = False,
        activation: str | Callable = "relu",
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        kernel_initializer: str | keras.Initializer = "he_normal",
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.filters = check_integer("filters", filters)
        self.dilation_rates = tuple(check_integers("dilation_rates", dilation_rates, shortest=1))
        self.momentum = check_number("momentum", momentum, least=0, most=1)
        self.epsilon = check_number("epsilon", epsilon, above=0)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.separable = separable
        self.activation = keras.activations.get(activation)
        self.input_spec = layers.InputSpec(ndim=4)

        self.point = self._brick(self.filters, 1, name="point")
        self.depthwise, self.dilated = [], []
        for i, rate in enumerate(self.dilation_rates):
            wide = {"kernel_size": 3, "dilation_rate": rate}
            if separable:
                self.depthwise.append(self._brick(None, **wide, name=f"depthwise_{i}"))
                wide = {"kernel_size": 1}
            self.dilated.append(self._brick(self.filters, **wide, name=f"dilated_{i}"))
        self.mean = layers.GlobalAveragePooling2D(
            data_format="channels_last", keepdims=True, dtype=self.dtype_policy, name="mean"
        )
        self.image = self._brick(self.filters, 1, name="image")
        self.merge = self._brick(self.filters, 1, name="merge")

    def _brick(self, filters, kernel_size, **arguments):
        return ConvNormAct(
            filters,
            kernel_size,
            activation=self.activation,
            momentum=self.momentum,
            epsilon=self.epsilon,
            kernel_initializer=self.kernel_initializer,
            dtype=self.dtype_policy,
            **arguments,
        )

    def build(self, input_shape):
        check_channels(self.name, input_shape)
        for layer in (self.point, *self.depthwise, *self.dilated):
            layer.build(input_shape)
        self.image.build((input_shape[0], 1, 1, input_shape[-1]))
        parts = len(self.dilated) + 2
        self.merge.build((*input_shape[:-1], parts * self.filters))
        freeze_parts_with(self)

    def call(self, inputs, training=None):
        parts = [self.point(inputs, training=training)]
        spread = [layer(inputs, training=training) for layer in self.depthwise]
        for layer, x in zip(self.dilated, spread or [inputs] * len(self.dilated), strict=True):
            parts.append(layer(x, training=training))
        image = self.image(self.mean(inputs), training=training)
        # What the authors' bilinear enlargement makes of a single pixel.
        height, width = ops.shape(parts[0])[1:3]
        parts.append(ops.tile(image, (1, height, width, 1)))
        return self.merge(ops.concatenate(parts, axis=-1), training=training)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.filters)

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "dilation_rates": self.dilation_rates,
            "separable": self.separable,
            "activation": keras.activations.serialize(self.activation),
            "momentum": self.momentum,
            "epsilon": self.epsilon,
            "kernel_initializer": keras.initializers.serialize(self.kernel_initializer),
        }
