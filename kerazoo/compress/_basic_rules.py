"""Lowerings of convolutions, dense layers, normalization, activations, pooling and merging."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers

from kerazoo.compress._lowering import Kind, Lowering, lowers, lowers_by_calls
from kerazoo.compress._node import Node
from kerazoo.compress.quantized_activation import (
    FORMS,
    TANH_RANGE,
    UNIT_RANGE,
    QuantizedActivation,
    known_name,
)
from kerazoo.compress.quantized_batch_normalization import QuantizedBatchNormalization
from kerazoo.compress.quantized_conv import QuantizedConv
from kerazoo.compress.quantized_dense import QuantizedDense
from kerazoo.layers.drop_path import DropPath
from kerazoo.layers.gradient_reversal import GradientReversal

OPEN_SIZE = "the size of its input is open"
PASS_THROUGH = Lowering(Kind.PASS_THROUGH)
MERGED = Lowering(Kind.QUANTIZED, fuses_relu=True)

_INTEGER_ACTIVATIONS = {
    "exponential",
    "gelu",
    "hard_silu",
    "hard_tanh",
    "leaky_relu",
}
_FIXED_RANGES = {"sigmoid": UNIT_RANGE, "softmax": UNIT_RANGE, "tanh": TANH_RANGE}


def activation_lowering(function: Any) -> Lowering:
    """The lowering of an activation function, by the name that Keras has for it."""
    name = known_name(function)
    if function is None or name == "linear":
        return PASS_THROUGH
    if name in ("relu", "relu6"):
        return Lowering(Kind.QUANTIZED, is_relu=True)
    if name in _FIXED_RANGES:
        return Lowering(Kind.QUANTIZED, fixed_range=_FIXED_RANGES[name])
    if name in FORMS:
        return Lowering(Kind.QUANTIZED, make=QuantizedActivation)
    if name in _INTEGER_ACTIVATIONS:
        return Lowering(Kind.QUANTIZED)
    own_name = getattr(function, "__name__", type(function).__name__)
    if not name and hasattr(keras.activations, own_name):
        return Lowering(Kind.FLOAT, reason=f"not the {own_name} of Keras")
    return Lowering(Kind.FLOAT, reason=f"TFLite has no integer kernel for {own_name}")


def is_channels_last(layer: Any) -> bool:
    """Whether the layer's channels are its last axis, as TFLite's kernels want them."""
    return getattr(layer, "data_format", "channels_last") == "channels_last"


_CHANNELS_FIRST = Lowering(Kind.FLOAT, reason='TFLite takes data_format="channels_last" only')


@lowers_by_calls(layers.Conv3D)
def _convolution_of_volumes(layer: Any, calls: Sequence[Node]) -> Lowering:
    if layer.groups > 1:
        return Lowering(Kind.FLOAT, reason="TFLite has no grouped convolutions of volumes")
    if any(None in call.inputs[0].shape[1:] for call in calls):
        return Lowering(Kind.FLOAT, reason=OPEN_SIZE)
    return _convolution(layer)


@lowers(layers.Conv1D, layers.Conv2D, layers.DepthwiseConv1D, layers.DepthwiseConv2D)
def _convolution(layer: Any) -> Lowering:
    if not is_channels_last(layer):
        return _CHANNELS_FIRST
    return Lowering(
        Kind.QUANTIZED,
        make=QuantizedConv,
        activation=layer.activation,
        fuses_relu=True,
        folds_normalization=True,
        has_weights=True,
    )


@lowers(layers.Dense)
def _dense(layer: Any) -> Lowering:
    return Lowering(
        Kind.QUANTIZED,
        make=QuantizedDense,
        activation=layer.activation,
        fuses_relu=True,
        folds_normalization=True,
        has_weights=True,
    )


@lowers(layers.BatchNormalization)
def _batch_normalization(layer: Any) -> Lowering:
    if layer.axis != -1 and layer.axis != layer.input_spec.ndim - 1:
        return Lowering(Kind.FLOAT, reason="it does not normalize the last axis")
    return Lowering(Kind.QUANTIZED, make=QuantizedBatchNormalization, fuses_relu=True)


@lowers(layers.Activation)
def _activation(layer: Any) -> Lowering:
    return activation_lowering(layer.activation)


@lowers(layers.ReLU)
def _relu(layer: Any) -> Lowering:
    if layer.negative_slope or layer.threshold or layer.max_value not in (None, 6):
        return Lowering(
            Kind.FLOAT, reason="TFLite has no integer kernel for a ReLU but plain ones and ReLU6"
        )
    return Lowering(Kind.QUANTIZED, is_relu=True)


@lowers(layers.LeakyReLU)
def _leaky_relu(layer: Any) -> Lowering:
    return Lowering(Kind.QUANTIZED)


@lowers(layers.Softmax)
def _softmax(layer: Any) -> Lowering:
    if layer.axis not in (-1, [-1], (-1,)):
        return Lowering(Kind.FLOAT, reason="its axis is not the last one")
    return Lowering(Kind.QUANTIZED, fixed_range=UNIT_RANGE)


@lowers(layers.ELU)
def _elu(layer: Any) -> Lowering:
    return Lowering(Kind.QUANTIZED, make=QuantizedActivation)


@lowers(layers.Add, layers.Subtract, layers.Multiply)
def _merged(layer: Any) -> Lowering:
    return MERGED


@lowers(layers.Maximum, layers.Minimum)
def _compared(layer: Any) -> Lowering:
    return Lowering(Kind.QUANTIZED)


# These move values and compute none.
@lowers(
    layers.Concatenate,
    layers.Flatten,
    layers.Reshape,
    layers.Permute,
    layers.RepeatVector,
    layers.Cropping1D,
    layers.Cropping2D,
    layers.Cropping3D,
    layers.ZeroPadding1D,
    layers.ZeroPadding2D,
    layers.ZeroPadding3D,
    layers.UpSampling1D,
    layers.Identity,
    layers.ActivityRegularization,
)
# These work in training alone.
@lowers(
    layers.Dropout,
    layers.SpatialDropout1D,
    layers.SpatialDropout2D,
    layers.SpatialDropout3D,
    layers.AlphaDropout,
    layers.GaussianDropout,
    layers.GaussianNoise,
    DropPath,
    GradientReversal,
    layers.AugMix,
    layers.CutMix,
    layers.MixUp,
    layers.RandAugment,
    layers.RandomBrightness,
    layers.RandomColorDegeneration,
    layers.RandomColorJitter,
    layers.RandomContrast,
    layers.RandomElasticTransform,
    layers.RandomErasing,
    layers.RandomFlip,
    layers.RandomGaussianBlur,
    layers.RandomGrayscale,
    layers.RandomHue,
    layers.RandomInvert,
    layers.RandomPerspective,
    layers.RandomPosterization,
    layers.RandomRotation,
    layers.RandomSaturation,
    layers.RandomSharpness,
    layers.RandomShear,
    layers.RandomTranslation,
    layers.RandomZoom,
)
def _passed_through(layer: Any) -> Lowering:
    return PASS_THROUGH


@lowers(
    layers.MaxPooling1D,
    layers.MaxPooling2D,
    layers.GlobalMaxPooling1D,
    layers.GlobalMaxPooling2D,
)
def _maximum(layer: Any) -> Lowering:
    if not is_channels_last(layer):
        return _CHANNELS_FIRST
    return Lowering(Kind.PASS_THROUGH, selects=True)


@lowers(layers.AveragePooling1D, layers.AveragePooling2D)
def _average(layer: Any) -> Lowering:
    return Lowering(Kind.SAME_SCALE) if is_channels_last(layer) else _CHANNELS_FIRST


@lowers(layers.GlobalAveragePooling1D, layers.GlobalAveragePooling2D, layers.GlobalAveragePooling3D)
def _global_average(layer: Any) -> Lowering:
    return Lowering(Kind.QUANTIZED)


@lowers(layers.UpSampling2D)
def _up_sampling(layer: Any) -> Lowering:
    if not is_channels_last(layer):
        return _CHANNELS_FIRST
    if layer.interpolation == "nearest":
        return PASS_THROUGH
    if layer.interpolation == "bilinear":
        return Lowering(Kind.SAME_SCALE)
    return Lowering(Kind.FLOAT, reason=f"TFLite has no {layer.interpolation} interpolation")
