"""Lowerings of layers that are written out in several integer operations."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import keras
import numpy as np
from keras import layers
from keras.src.applications.convnext import LayerScale as ConvNeXtLayerScale

from kerazoo.compress._basic_rules import OPEN_SIZE
from kerazoo.compress._lowering import Kind, Lowering, lowers, lowers_by_calls
from kerazoo.compress._node import Node
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


@lowers_by_calls(layers.LayerNormalization, layers.RMSNormalization)
def _layer_normalization(layer: Any, calls: Sequence[Node]) -> Lowering:
    if getattr(layer, "rms_scaling", False):
        return left_in_float("rms_scaling is deprecated; use RMSNormalization")
    if not _are_the_last_axes(layer, calls):
        return left_in_float("it does not normalize the last axis or axes")
    return Lowering(Kind.QUANTIZED, make=QuantizedLayerNormalization)


def _are_the_last_axes(layer: Any, calls: Sequence[Node]) -> bool:
    axes = layer.axis if isinstance(layer.axis, list | tuple) else [layer.axis]
    if all(axis < 0 for axis in axes):
        return sorted(axes) == list(range(-len(axes), 0))
    return all(
        sorted(axis % rank for axis in axes) == list(range(rank - len(axes), rank))
        for rank in _ranks(calls)
    )


def _ranks(calls: Sequence[Node]) -> set[int]:
    return {len(call.inputs[0].shape) for call in calls}


@lowers_by_calls(layers.GroupNormalization)
def _group_normalization(layer: Any, calls: Sequence[Node]) -> Lowering:
    if layer.axis not in (-1, layer.input_spec.ndim - 1):
        return left_in_float("its channels are not the last axis")
    if any(None in call.inputs[0].shape[1:] for call in calls):
        return left_in_float(OPEN_SIZE)
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


@lowers_by_calls(layers.Average)
def _average(layer: Any, calls: Sequence[Node]) -> Lowering:
    counts = {len(call.inputs) for call in calls}
    if len(counts) > 1:
        return left_in_float("it is shared, and averages another number of tensors in each call")
    return Lowering(
        Kind.QUANTIZED, make=partial(QuantizedAverage, members=counts.pop()), fuses_relu=True
    )


@lowers_by_calls(layers.Rescaling)
def _rescaling(layer: Any, calls: Sequence[Node]) -> Lowering:
    channels = {call.inputs[0].channels for call in calls}
    for numbers in (layer.scale, layer.offset):
        is_row = channels == {np.size(numbers)} and np.shape(numbers)[-1:] == (np.size(numbers),)
        if np.size(numbers) > 1 and not is_row:
            return left_in_float("it has numbers of their own for other axes than the last one")
    return Lowering(Kind.QUANTIZED, make=QuantizedRescaling)


@lowers_by_calls(layers.Normalization)
def _normalization(layer: Any, calls: Sequence[Node]) -> Lowering:
    is_by_channel = layer.axis in ((), (-1,)) or all(
        layer._keep_axis == (rank - 1,) for rank in _ranks(calls)
    )
    if not is_by_channel:
        return left_in_float("it does not normalize the last axis")
    return Lowering(Kind.QUANTIZED, make=QuantizedRescaling)


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


@lowers_by_calls(layers.LSTM, layers.GRU)
def _recurrence(layer: Any, calls: Sequence[Node]) -> Lowering:
    reason = _not_unrolled(layer) or _not_callable_unrolled(calls)
    if reason:
        return left_in_float(reason)
    make = QuantizedLSTM if isinstance(layer, layers.LSTM) else QuantizedGRU
    steps = int(calls[0].inputs[0].shape[1] or 0)
    return Lowering(Kind.QUANTIZED, make=partial(make, steps=steps), has_weights=True)


def _not_unrolled(layer: Any) -> str:
    """Why a recurrent layer as such is not written out in integers; empty if it is."""
    standard = (keras.activations.tanh, keras.activations.sigmoid)
    if layer.return_state or layer.stateful:
        return STATES
    if layer.return_sequences:
        return "return_sequences=True is not written out in integers"
    if (layer.activation, layer.recurrent_activation) != standard:
        return "its activations are not tanh and sigmoid"
    if layer.dropout or layer.recurrent_dropout:
        return "dropout within its cell is not written out in integers"
    return "" if getattr(layer, "reset_after", True) else "reset_after=False is not written out"


STATES = "states that go in or out are not written out in integers"


def _not_callable_unrolled(calls: Sequence[Node]) -> str:
    """Why these calls of a recurrent layer are not written out in integers; empty if they are."""
    if any("mask" in call.kwargs for call in calls):
        return "masked steps are not written out in integers"
    if any(len(call.inputs) > 1 for call in calls):
        return STATES
    lengths = {call.inputs[0].shape[1] for call in calls}
    if len(lengths) > 1:
        return f"it is shared, and called with {len(lengths)} numbers of steps"
    steps = lengths.pop()
    if steps is None or not 2 <= steps <= MOST_STEPS:
        return f"it is unrolled for 2 to {MOST_STEPS} steps, and has {steps}"
    return ""


@lowers(layers.MaxPooling3D, layers.AveragePooling3D, layers.Bidirectional, layers.SimpleRNN)
def _without_kernel(layer: Any) -> Lowering:
    return left_in_float(f"TFLite has no integer form of {type(layer).__name__}")
