"""Rescaling and Normalization in integers."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import ops

from kerazoo.compress._channel_affine import channel_affine, quantized_factors
from kerazoo.compress._input_step import input_step
from kerazoo.compress._quantized_layer import QuantizedLayer
from kerazoo.compress.fake_quantize import HAIR


@keras.saving.register_keras_serializable(package="kerazoo")
class QuantizedRescaling(QuantizedLayer):
    """scale * x + offset, for a `keras.layers.Rescaling` or a `keras.layers.Normalization`.

    With one number for all channels: a multiplication, its range, an addition. With one for each
    channel: a depthwise convolution. Keras's own layers stay in float, for want of a range in
    between.

    Shape: any, to the same; channels are the last axis.
    """

    def __init__(self, layer: keras.Layer, scheme: Any = None, **kwargs: Any):
        super().__init__(layer, scheme, **kwargs)
        self.scaled_quantizer = self.activation_quantizer("scaled")

    def build(self, input_shape):
        super().build(input_shape)
        if self._is_one_number() and scale_and_offset(self.inner)[1].item():  # else nothing between
            self.scaled_quantizer.build(input_shape)

    def call(self, inputs):
        x = ops.cast(inputs, "float32")
        scale, offset = scale_and_offset(self.inner)
        if self._is_one_number():
            x = x * float(scale.item())
            if offset.item():
                x = self.scaled_quantizer(x) + self._offset_in_steps(offset)
            return self.cast(x)
        channels = inputs.shape[-1]
        factors, offsets = (np.broadcast_to(v.reshape(-1), (channels,)) for v in (scale, offset))
        return self.cast(channel_affine(x, factors, offsets, input_step=input_step(self)))

    def _offset_in_steps(self, offset: np.ndarray) -> Any:
        """The one offset as a multiple of the step of what it is added to.

        From 0..255 to -1..1 it is 127.5 steps, and each sum would lie half-way between two steps of
        its range, where this model and the file may round either way.
        """
        if self.scheme.activation_bits is None:
            return float(offset.item())
        step = self.scaled_quantizer.step_size()
        return ops.round(offset.item() / step - HAIR) * step

    def _is_one_number(self) -> bool:
        """The converter gives numbers 8 bits, so with activations of 16 they become channels."""
        scale, offset = scale_and_offset(self.inner)
        return scale.size == offset.size == 1 and self.scheme.activation_bits != 16

    def quantized_weights(self) -> dict[str, Any]:
        scale, _ = scale_and_offset(self.inner)
        return {} if scale.size == 1 else {"scale": quantized_factors(scale.reshape(-1))}

    def plain_weights(self) -> dict[str, Any]:
        """None: the layer's factors are no weights of its own, or not in this form."""
        return {}


def scale_and_offset(layer: keras.Layer) -> tuple[np.ndarray, np.ndarray]:
    """float32 arrays of one value, or of one for each channel."""
    if isinstance(layer, keras.layers.Rescaling):
        return np.asarray(layer.scale, "float32"), np.asarray(layer.offset, "float32")
    mean = ops.convert_to_numpy(layer.mean).astype("float32")
    deviation = np.sqrt(ops.convert_to_numpy(layer.variance).astype("float32"))
    deviation = np.maximum(deviation, keras.backend.epsilon())
    if layer.invert:
        return deviation, mean
    return 1 / deviation, -mean / deviation
