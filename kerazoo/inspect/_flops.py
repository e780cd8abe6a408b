"""Floating-point operations of TensorFlow's operations.

The rules are those that TensorFlow's own profiler goes by, written down anew, with rules for
operations that it has none for (`_BEYOND`), and for loops, whose bodies it counts once.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

_PER_ELEMENT = {
    **dict.fromkeys(("Add", "AddV2", "Sub", "Mul", "RealDiv", "Div", "Maximum", "Minimum"), 1),
    **dict.fromkeys(("Pow", "BiasAdd", "Neg", "Reciprocal", "Square", "Log"), 1),
    **dict.fromkeys(("Equal", "NotEqual", "Less", "LessEqual", "Greater", "GreaterEqual"), 1),
    **dict.fromkeys(("SquaredDifference", "Rsqrt"), 2),
    "Softmax": 5,  # two for the shift, one for exp, two for the quotient
}
"""Operation -> FLOPs for each number of its result."""

_MOVES = {
    *("Const", "Placeholder", "ReadVariableOp", "NoOp", "Identity", "IdentityN", "StopGradient"),
    *("Reshape", "Squeeze", "ExpandDims", "Transpose", "Cast", "Shape", "Fill", "ZerosLike"),
    *("OnesLike", "Pack", "Unpack", "Concat", "ConcatV2", "Split", "SplitV", "Slice", "Range"),
    *("StridedSlice", "Pad", "PadV2", "MirrorPad", "Tile", "BroadcastTo", "GatherV2", "GatherNd"),
    *("ReverseV2", "SpaceToBatchND", "BatchToSpaceND", "SpaceToDepth", "DepthToSpace"),
    *("TensorListFromTensor", "TensorListReserve", "TensorListStack", "TensorListGetItem"),
    *("TensorListSetItem", "Assert", "PreventGradient", "ResourceGather", "OneHot"),
}
"""Operations that calculate nothing."""


def flops(operation: Any) -> int | None:
    """FLOPs of one TensorFlow operation with known shapes; a function that it calls not included.

    None where there is no rule for it, or a size is known only when it runs.
    """
    if operation.type in _MOVES or not _is_float(operation):
        return 0
    sizes = [tensor.shape.num_elements() for tensor in (*operation.inputs, *operation.outputs)]
    rule = _RULES.get(operation.type)
    if operation.type in _PER_ELEMENT:
        size = operation.outputs[0].shape.num_elements()
        return None if size is None else _PER_ELEMENT[operation.type] * size
    return None if rule is None or None in sizes else int(rule(operation))


def _is_float(operation: Any) -> bool:
    """Whether it takes or gives a number that is no integer; arithmetic of shapes does not."""
    tensors = (*operation.inputs, *operation.outputs)
    return any(tensor.dtype.is_floating or tensor.dtype.is_complex for tensor in tensors)


def _size(tensor: Any) -> int:
    return int(tensor.shape.num_elements())


def _matrix_product(operation: Any) -> int:
    left = operation.inputs[0].shape.as_list()
    attributes = operation.node_def.attr
    is_turned = attributes["transpose_a"].b or attributes["adj_x"].b
    return 2 * _size(operation.outputs[0]) * left[-2 if is_turned else -1]


def _convolution(operation: Any) -> int:
    """For each number of the result, all of the kernel that leads to it. The kernel's last axis is
    that of the result's channels; it holds one group's inputs only."""
    *window, _ = operation.inputs[1].shape.as_list()
    return 2 * _size(operation.outputs[0]) * math.prod(window)


def _depthwise(operation: Any) -> int:
    return 2 * _size(operation.outputs[0]) * math.prod(operation.inputs[1].shape.as_list()[:-2])


def _transposed(operation: Any) -> int:
    """Each number of the input meets all of the kernel that leads from it. The inputs are the size
    of the result, the kernel (..., channels out, channels in), and what is convolved."""
    return 2 * _size(operation.inputs[2]) * math.prod(operation.inputs[1].shape.as_list()[:-1])


def _pooling(operation: Any) -> int:
    return _size(operation.outputs[0]) * math.prod(operation.get_attr("ksize"))


def _reduction(operation: Any) -> int:
    return _size(operation.inputs[0]) - _size(operation.outputs[0])


def _mean(operation: Any) -> int:
    return _size(operation.inputs[0])


def _sum_of_all(operation: Any) -> int:
    return (len(operation.inputs) - 1) * _size(operation.outputs[0])


def _einsum(operation: Any) -> int:
    """Two for each combination of all letters; an ellipsis stands for the axes left over."""
    inputs = operation.get_attr("equation").decode().replace(" ", "").split("->")[0].split(",")
    sizes: dict[str, int] = {}
    for term, tensor in zip(inputs, operation.inputs, strict=True):
        shape = tensor.shape.as_list()
        head, dots, tail = term.partition("...")
        middle = len(shape) - len(head) - len(tail)
        letters = [*head, *(f".{middle - place}" for place in range(middle) if dots), *tail]
        for letter, size in zip(letters, shape, strict=True):
            sizes[letter] = max(size, sizes.get(letter, 1))
    return (2 if len(inputs) > 1 else 1) * math.prod(sizes.values())


def _normalization(operation: Any) -> int:
    return 2 * _size(operation.outputs[0])  # a factor and an offset


_BEYOND: dict[str, Callable[[Any], int]] = {
    "Einsum": _einsum,
    "Conv3DBackpropInputV2": _transposed,
    "FusedBatchNormV3": _normalization,
    "AvgPool3D": _pooling,
    "MaxPool3D": _pooling,
    "Max": _reduction,
    "Min": _reduction,
    "Prod": _reduction,
}
"""What TensorFlow's profiler counts nothing for."""

_RULES: dict[str, Callable[[Any], int]] = {
    **dict.fromkeys(("MatMul", "BatchMatMul", "BatchMatMulV2", "BatchMatMulV3"), _matrix_product),
    **dict.fromkeys(("Conv2D", "Conv3D"), _convolution),
    "DepthwiseConv2dNative": _depthwise,
    "Conv2DBackpropInput": _transposed,
    "AvgPool": _pooling,
    "MaxPool": _pooling,
    "Mean": _mean,
    **dict.fromkeys(("Sum", "ArgMax", "ArgMin"), _reduction),
    "AddN": _sum_of_all,
    **_BEYOND,
}
