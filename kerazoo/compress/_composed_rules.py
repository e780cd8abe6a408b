"""Lowerings of layers that are written out in several integer operations."""

from __future__ import annotations

from functools import partial
from typing import Any

from keras import layers

from kerazoo.compress._lowering import Kind, Lowering, lowers
from kerazoo.compress.quantized_average import QuantizedAverage
from kerazoo.compress.quantized_conv_transpose import QuantizedConvTranspose
from kerazoo.compress.quantized_einsum_dense import QuantizedEinsumDense, is_one_product
from kerazoo.compress.quantized_embedding import QuantizedEmbedding
from kerazoo.compress.quantized_group_normalization import QuantizedGroupNormalization
from kerazoo.compress.quantized_layer_normalization import QuantizedLayerNormalization
from kerazoo.compress.quantized_multi_head_attention import QuantizedMultiHeadAttention
from kerazoo.compress.quantized_p_relu import QuantizedPReLU
from kerazoo.compress.quantized_rescaling import QuantizedRescaling
from kerazoo.compress.quantized_separable_conv import QuantizedSeparableConv


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
