"""The factor of each channel that residual branches end in, in integers."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from kerazoo.compress._channel_affine import channel_affine, quantized_factors
from kerazoo.compress._quantized_layer import QuantizedLayer


@keras.saving.register_keras_serializable(package="kerazoo")
class QuantizedLayerScale(QuantizedLayer):
    """q(gamma) * x with a step for each channel: the LayerScale of ConvNeXt (keras.applications).

    In a file it is a depthwise 1x1 convolution. Shape: `(batch, ..., channels)` to the same.
    """

    def call(self, inputs):
        gamma = ops.convert_to_tensor(self.inner.gamma)
        return channel_affine(self.cast(inputs), gamma, ops.zeros_like(gamma))

    def quantized_weights(self) -> dict[str, Any]:
        return {"gamma": quantized_factors(self.inner.gamma)}
