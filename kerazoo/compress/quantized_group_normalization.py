"""Group normalization in integers."""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import ops

from kerazoo.compress._channel_affine import channel_affine, quantized_factors
from kerazoo.compress._quantized_layer import QuantizedLayer
from kerazoo.compress._row_normalization import RowNormalization


@keras.saving.register_keras_serializable(package="kerazoo")
class QuantizedGroupNormalization(QuantizedLayer):
    """gamma * (x - mean) / sqrt(variance + epsilon) + beta over each group of channels.

    A group's pixels and channels are brought into one row, which is normalized as in
    `QuantizedLayerNormalization`; its remarks hold here too.

    Shape: `(batch, ..., channels)` to the same; the normalized axis is the last one.
    """

    def __init__(self, layer: keras.Layer, scheme: Any = None, **kwargs: Any):
        super().__init__(layer, scheme, **kwargs)
        self.normalize = RowNormalization(
            epsilon=self.inner.epsilon,
            scheme=self.scheme,
            trainable=self.trainable,
            name="normalize",
        )

    def build(self, input_shape):
        super().build(input_shape)
        self.normalize.build(input_shape)

    def call(self, inputs):
        *sizes, channels = inputs.shape[1:]
        groups, pixels = self.inner.groups, math.prod(sizes)
        width = channels // groups
        x = ops.reshape(ops.cast(inputs, "float32"), (-1, pixels, groups, width))
        rows = ops.reshape(ops.transpose(x, (0, 2, 1, 3)), (-1, groups, pixels * width))
        x = ops.reshape(self.normalize(rows), (-1, groups, pixels, width))
        x = ops.reshape(ops.transpose(x, (0, 2, 1, 3)), (-1, *sizes, channels))
        gamma = ops.ones((channels,)) if self.inner.gamma is None else self.inner.gamma
        beta = ops.zeros((channels,)) if self.inner.beta is None else self.inner.beta
        return self.cast(channel_affine(x, gamma * (pixels * width) ** 0.5, beta))

    def quantized_weights(self):
        gamma = self.inner.gamma
        return {} if gamma is None else {"gamma": quantized_factors(gamma)}
