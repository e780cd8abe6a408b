"""Layer normalization and root-mean-square normalization in integers."""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import ops

from kerazoo.compress._channel_affine import channel_affine, quantized_factors
from kerazoo.compress._quantized_layer import QuantizedLayer
from kerazoo.compress._row_normalization import RowNormalization


@keras.saving.register_keras_serializable(package="kerazoo")
class QuantizedLayerNormalization(QuantizedLayer):
    """gamma * (x - mean) / sqrt(variance + epsilon) + beta, each step of it fake-quantized.

    Wraps a `keras.layers.LayerNormalization` or `keras.layers.RMSNormalization` over the last axis
    or the last few. In a file it is MEAN, SUB, BATCH_MATMUL, ADD, MAXIMUM, RSQRT, MUL and a
    depthwise convolution that holds gamma and beta.

    One range serves the variances of all rows, so rows whose standard deviation is less than a
    sixteenth of the largest one are normalized by a variance of less than one step, which becomes
    one step: they come out too small. Such a layer is better left in float (`skip`).

    Shape: any, `(batch, ...)`, to the same.
    """

    def __init__(self, layer: keras.Layer, scheme: Any = None, **kwargs: Any):
        super().__init__(layer, scheme, **kwargs)
        is_rms = isinstance(self.inner, keras.layers.RMSNormalization)
        self.normalize = RowNormalization(
            not is_rms,
            self.inner.epsilon,
            self.scheme,
            trainable=self.trainable,
            name="normalize",
        )

    def build(self, input_shape):
        super().build(input_shape)
        self.normalize.build(input_shape)

    def call(self, inputs):
        sizes = ops.shape(inputs)[1:]
        width = math.prod(inputs.shape[axis] for axis in self.inner.axis)
        rows = ops.reshape(ops.cast(inputs, "float32"), (-1, math.prod(sizes) // width, width))
        outputs = channel_affine(self.normalize(rows), *self._affine(width))
        return self.cast(ops.reshape(outputs, (-1, *sizes)))

    def _affine(self, width: int) -> tuple[Any, Any]:
        gamma, beta = gamma_and_beta(self.inner)
        gamma = ops.ones((width,)) if gamma is None else ops.reshape(gamma, (-1,))
        beta = ops.zeros((width,)) if beta is None else ops.reshape(beta, (-1,))
        return gamma * width**0.5, beta

    def quantized_weights(self):
        gamma, _ = gamma_and_beta(self.inner)
        if gamma is None:
            return {}
        name = "scale" if isinstance(self.inner, keras.layers.RMSNormalization) else "gamma"
        return {name: ops.reshape(quantized_factors(ops.reshape(gamma, (-1,))), gamma.shape)}


def gamma_and_beta(layer: keras.Layer) -> tuple[Any, Any]:
    """The two weights of a normalization, None for those that it does not have."""
    if isinstance(layer, keras.layers.RMSNormalization):
        return layer.scale, None
    return layer.gamma, layer.beta
