"""Batch normalization that stands alone, as a depthwise 1x1 convolution."""

from __future__ import annotations

import keras

from kerazoo.compress._channel_affine import channel_affine, quantized_factors
from kerazoo.compress._folding import scale_and_offset, uses_batch_statistics
from kerazoo.compress._input_step import input_step
from kerazoo.compress._quantized_layer import QuantizedLayer


@keras.saving.register_keras_serializable(package="kerazoo")
class QuantizedBatchNormalization(QuantizedLayer):
    """y = q(g) x + c, g and c the factors and offsets of a BatchNormalization.

    For normalizations that no convolution stands in front of. In training it is the usual one, on
    batch statistics.

    Args:
        layer: a `keras.layers.BatchNormalization` over the last axis.
        scheme: bits of weights and activations.

    Shape: any, to the same.
    """

    def call(self, inputs, training=None, mask=None):
        if uses_batch_statistics(self.inner, training):
            return self.layer(inputs, training=True, mask=mask)
        factors, offsets = scale_and_offset(self.inner)
        return channel_affine(self.cast(inputs), factors, offsets, input_step=input_step(self))

    def quantized_weights(self):
        return {"factors": quantized_factors(scale_and_offset(self.inner)[0])}

    def plain_weights(self):
        """None: factors with steps of their own lose nothing."""
        return {}
