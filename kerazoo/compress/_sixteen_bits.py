"""What the converter of TensorFlow 2.21 can give activations of 16 bits, by trial.

It gives sigmoid, tanh and softmax outputs of 8 bits whatever their range says, numbers in
`x * 2` as well, and has no type for 16 bits in CONCATENATION and TILE: all of them fail to convert.
"""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

from kerazoo.compress._float_boundary import FloatBoundary
from kerazoo.compress._quantized_layer import QuantizedLayer, unconstrained
from kerazoo.compress.fake_quantize import FakeQuantize
from kerazoo.compress.quantized_activation import known_name

_LAYERS = (
    layers.Conv1D,
    layers.Conv2D,
    layers.DepthwiseConv1D,
    layers.DepthwiseConv2D,
    layers.Dense,
    layers.BatchNormalization,
    layers.ReLU,
    layers.LeakyReLU,
    layers.Add,
    layers.Subtract,
    layers.Multiply,
    layers.Rescaling,
    layers.AveragePooling2D,
    layers.GlobalAveragePooling2D,
    layers.MaxPooling2D,
    layers.GlobalMaxPooling2D,
    layers.ZeroPadding2D,
    layers.Cropping2D,
    layers.Flatten,
    layers.Reshape,
    layers.Permute,
    layers.Dropout,
    layers.Identity,
)
_ACTIVATIONS = ("relu", "relu6", "leaky_relu", "linear")

REASON = "the converter has no 16-bit form of it: exporting will need `calibration` data"


def can_convert(model: keras.Model) -> bool:
    """Whether all layers of a quantization-aware model have a form of 16 bits."""
    return all(
        has_16_bits(unconstrained(layer.layer if isinstance(layer, QuantizedLayer) else layer))
        for layer in model.layers
        if not isinstance(layer, FakeQuantize | FloatBoundary | layers.InputLayer)
    )


def has_16_bits(operation: Any) -> bool:
    """Whether the layer or operation converts with inputs and outputs of 16 bits."""
    if isinstance(operation, layers.Activation):
        return known_name(operation.activation) in _ACTIVATIONS
    if not isinstance(operation, keras.Layer):
        return type(operation).__name__ in ("Relu", "Relu6", "Reshape", "Transpose")
    return type(operation) in _LAYERS
