"""Lowerings of layers that are written out in several integer operations."""

from __future__ import annotations

from functools import partial
from typing import Any

import keras
from keras import layers
from keras.src.applications.convnext import LayerScale as ConvNeXtLayerScale

from kerazoo.compress._lowering import Kind, Lowering, lowers
from kerazoo.compress.quantized_average import QuantizedAverage
from kerazoo.compress.quantized_conv_transpose import QuantizedConvTranspose
from kerazoo.compress.quantized_einsum_dense import QuantizedEinsumDense, is_one_product
from kerazoo.compress.quantized_embedding import QuantizedEmbedding
from kerazoo.compress.quantized_group_normalization import QuantizedGroupNormalization
from kerazoo.compress.quantized_gru import QuantizedGRU
from kerazoo.compress.quantized_layer_normalization import QuantizedLayerNormalization
from kerazoo.compress.quantized_layer_scale import QuantizedLayerScale
from kerazoo.compress.quantized_lstm import QuantizedLSTM
from kerazoo.compress.quantized_multi_head_attention import QuantizedMultiHeadAttention
from kerazoo.compress.quantized_p_relu import QuantizedPReLU
from kerazoo.compress.quantized_rescaling import QuantizedRescaling
from kerazoo.compress.quantized_separable_conv import QuantizedSeparableConv
from kerazoo.layers.layer_scale import LayerScale


def left_in_float(reason: str) -> Lowering:
    """What a rule returns for a layer, or a use of it, that has no integer form."""
    return Lowering(Kind.FLOAT, reason=reason)


_CHANNELS_FIRST = left_in_float('TFLite takes data_format="channels_last" only')


@lowers(layers.SeparableConv1D, layers.SeparableConv2D)
def _separable_convolution(layer: Any) -> Lowering:
    if layer.data_format != "channels_last":
        return _CHANNELS_FIRST
    return _fused(layer, QuantizedSeparableConv)


@lowers(layers.Conv1DTranspose, layers.Conv2DTranspose)
def _transposed_convolution(layer: Any) -> Lowering:
    if layer.data_format != "channels_last":
        return _CHANNELS_FIRST
    if set(layer.dilation_rate) != {1}:
        return left_in_float("TFLite has no dilated transposed convolutions")
    return _fused(layer, QuantizedConvTranspose)


@lowers(layers.Conv3DTranspose)
def _transposed_convolution_of_volumes(layer: Any) -> Lowering:
    return left_in_float("TFLite's CONV_3D_TRANSPOSE computes in float only")


def _fused(layer: Any, make: Any) -> Lowering:
    return Lowering(
        Kind.QUANTIZED,
        make=make,
        activation=layer.activation,
        fuses_relu=True,
        folds_normalization=True,
        has_weights=True,
    )


@lowers(layers.EinsumDense)
def _einsum_dense(layer: Any) -> Lowering:
    if not is_one_product(layer):
        return left_in_float(f"{layer.equation} is no product of rows with a matrix")
    return Lowering(
        Kind.QUANTIZED, make=QuantizedEinsumDense, activation=layer.activation, has_weights=True
    )


@lowers(layers.Embedding)
def _embedding(layer: Any) -> Lowering:
    return Lowering(Kind.QUANTIZED, make=QuantizedEmbedding, has_weights=True)


@lowers(layers.LayerNormalization, layers.RMSNormalization)
def _layer_normalization(layer: Any) -> Lowering:
    if getattr(layer, "rms_scaling", False):
        return left_in_float("rms_scaling is deprecated; use RMSNormalization")
    if not _are_the_last_axes(layer):
        return left_in_float("it does not normalize the last axis or axes")
    return Lowering(Kind.QUANTIZED, make=QuantizedLayerNormalization)


def _are_the_last_axes(layer: Any) -> bool:
    axes = layer.axis if isinstance(layer.axis, list | tuple) else [layer.axis]
    if all(axis < 0 for axis in axes):
        return sorted(axes) == list(range(-len(axes), 0))
    rank = len(layer.input.shape)
    return sorted(axis % rank for axis in axes) == list(range(rank - len(axes), rank))


@lowers(layers.GroupNormalization)
def _group_normalization(layer: Any) -> Lowering:
    if layer.axis not in (-1, layer.input_spec.ndim - 1):
        return left_in_float("its channels are not the last axis")
    if None in layer.input.shape[1:]:
        return left_in_float("the size of its input is open")
    return Lowering(Kind.QUANTIZED, make=QuantizedGroupNormalization)


@lowers(LayerScale, ConvNeXtLayerScale)
def _layer_scale(layer: Any) -> Lowering:
    return Lowering(Kind.QUANTIZED, make=QuantizedLayerScale)


@lowers(layers.MultiHeadAttention)
def _multi_head_attention(layer: Any) -> Lowering:
    if getattr(layer, "_use_gate", False):
        return left_in_float("gated attention is not written out in integers")
    if len(layer._attention_axes) > 1:
        return left_in_float("it attends over several axes")
    return Lowering(Kind.QUANTIZED, make=QuantizedMultiHeadAttention, has_weights=True)


@lowers(layers.Average)
def _average(layer: Any) -> Lowering:
    return Lowering(
        Kind.QUANTIZED, make=partial(QuantizedAverage, members=len(layer.input)), fuses_relu=True
    )


@lowers(layers.Rescaling, layers.Normalization)
def _rescaling(layer: Any) -> Lowering:
    if isinstance(layer, layers.Normalization) and not _is_by_channel(layer):
        return left_in_float("it does not normalize the last axis")
    return Lowering(Kind.QUANTIZED, make=QuantizedRescaling)


def _is_by_channel(layer: Any) -> bool:
    return layer.axis in ((), (-1,)) or layer._keep_axis == (len(layer.input.shape) - 1,)


@lowers(layers.PReLU)
def _p_relu(layer: Any) -> Lowering:
    return Lowering(Kind.QUANTIZED, make=QuantizedPReLU)


@lowers(layers.Dot)
def _dot(layer: Any) -> Lowering:
    if layer.normalize:
        return left_in_float("normalize=True is not written out in integers")
    return Lowering(Kind.QUANTIZED)


MOST_STEPS = 64
"""Of a recurrent layer that is unrolled, at about 15 operators a step."""


@lowers(layers.LSTM, layers.GRU)
def _recurrence(layer: Any) -> Lowering:
    reason = _not_unrolled(layer)
    if reason:
        return left_in_float(reason)
    make = QuantizedLSTM if isinstance(layer, layers.LSTM) else QuantizedGRU
    return Lowering(
        Kind.QUANTIZED, make=partial(make, steps=layer.input.shape[1]), has_weights=True
    )


def _not_unrolled(layer: Any) -> str:
    """Why a recurrent layer is not written out in integers; empty if it is."""
    sequence = keras.tree.flatten(layer.input)
    if len(sequence) > 1:
        return "states that go in or out are not written out in integers"
    steps = sequence[0].shape[1]
    standard = (keras.activations.tanh, keras.activations.sigmoid)
    if steps is None or not 2 <= steps <= MOST_STEPS:
        return f"it is unrolled for 2 to {MOST_STEPS} steps, and has {steps}"
    if layer.return_state or layer.stateful:
        return "states that go in or out are not written out in integers"
    if layer.return_sequences:
        return "return_sequences=True is not written out in integers"
    if getattr(sequence[0], "_keras_mask", None) is not None:
        return "masked steps are not written out in integers"
    if (layer.activation, layer.recurrent_activation) != standard:
        return "its activations are not tanh and sigmoid"
    if layer.dropout or layer.recurrent_dropout:
        return "dropout within its cell is not written out in integers"
    return "" if getattr(layer, "reset_after", True) else "reset_after=False is not written out"


@lowers(layers.MaxPooling3D, layers.AveragePooling3D, layers.Bidirectional, layers.SimpleRNN)
def _without_kernel(layer: Any) -> Lowering:
    return left_in_float(f"TFLite has no integer form of {type(layer).__name__}")
