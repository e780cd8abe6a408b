"""Lowerings of Keras operations, which `x * 2`, `x[:, 0]` or `keras.ops.relu(x)` leave behind."""

from __future__ import annotations

from typing import Any

from keras import layers

from kerazoo.compress._basic_rules import MERGED, PASS_THROUGH
from kerazoo.compress._lowering import Kind, Lowering, lowers_operations
from kerazoo.compress.quantized_activation import TANH_RANGE, UNIT_RANGE, QuantizedActivation


@lowers_operations("Add", "Subtract", "Multiply")
def _merged(operation: Any) -> Lowering:
    return MERGED


@lowers_operations("Relu", "Relu6")
def _relu(operation: Any) -> Lowering:
    return Lowering(Kind.QUANTIZED, is_relu=True)


@lowers_operations("Sigmoid")
def _sigmoid(operation: Any) -> Lowering:
    return Lowering(Kind.QUANTIZED, fixed_range=UNIT_RANGE)


@lowers_operations("Softmax")
def _softmax(operation: Any) -> Lowering:
    if operation.axis != -1:
        return Lowering(Kind.FLOAT, reason="its axis is not the last one")
    return Lowering(Kind.QUANTIZED, fixed_range=UNIT_RANGE)


_WRITTEN_OUT = {
    "Silu": "silu",
    "HardSigmoid": "hard_sigmoid",
    "Selu": "selu",
    "Softplus": "softplus",
    "Mish": "mish",
    "Softsign": "softsign",
}


@lowers_operations(*_WRITTEN_OUT)
def _written_out(operation: Any) -> Lowering:
    return Lowering(Kind.QUANTIZED, make=_quantized_activation)


def _quantized_activation(operation: Any, scheme: Any) -> QuantizedActivation:
    function = _WRITTEN_OUT[type(operation).__name__]
    return QuantizedActivation(layers.Activation(function, name=operation.name), scheme)


@lowers_operations("Tanh")
def _tanh(operation: Any) -> Lowering:
    return Lowering(Kind.QUANTIZED, fixed_range=TANH_RANGE)


@lowers_operations(
    "HardSilu",
    "HardTanh",
    "Exp",
    "Gelu",
    "LeakyRelu",
    "Mean",
    "Maximum",
    "Minimum",
    "Absolute",
    "Sqrt",
    "Matmul",
    "Divide",
    "TrueDivide",
)
def _computed(operation: Any) -> Lowering:
    return Lowering(Kind.QUANTIZED)


@lowers_operations(
    "Concatenate",
    "Reshape",
    "Transpose",
    "ExpandDims",
    "Squeeze",
    "GetItem",
    "Pad",
    "Split",
    "Stack",
    "BroadcastTo",
    "Repeat",
    "Tile",
    "Flip",
    "Moveaxis",
    "Swapaxes",
)
def _moved(operation: Any) -> Lowering:
    return PASS_THROUGH


@lowers_operations("MaxPool", "Max")
def _maximum(operation: Any) -> Lowering:
    return Lowering(Kind.PASS_THROUGH, selects=True)


@lowers_operations("AveragePool")
def _average(operation: Any) -> Lowering:
    return Lowering(Kind.SAME_SCALE)
