"""TensorFlow functions for the operations of `keras.ops` in a model that goes to Keras 2.

Called on a Keras 2 tensor, each becomes a `TFOpLambda` layer, which files can hold.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from kerazoo.errors import ConversionError


def keras2_operation(operation: keras.Operation) -> Callable[..., Any]:
    """What to call on Keras 2's tensors in the operation's place.

    Raises:
        ConversionError: there is none here.
    """
    kind = type(operation).__name__
    if kind in PLAIN:
        return PLAIN[kind]
    if kind in WITH_ARGUMENTS:
        function = WITH_ARGUMENTS[kind]
        return lambda *args: function(operation, *args)
    raise ConversionError(
        f"The operation {operation.name!r} ({kind} of keras.ops) has no equivalent here for "
        "Keras 2. Make it a layer that Keras 2 has."
    )


def _axis(operation: Any) -> Any:
    axis = operation.axis
    return list(axis) if isinstance(axis, tuple | list) else axis


def _reduction(function: Any) -> Callable[..., Any]:
    return lambda op, x: function(x, axis=_axis(op), keepdims=op.keepdims)


def _clip(operation: Any, x: Any) -> Any:
    return tf.clip_by_value(x, operation.x_min, operation.x_max)


def _pad(operation: Any, x: Any, constant_values: Any = None) -> Any:
    return tf.pad(x, operation.pad_width, operation.mode.upper(), constant_values or 0)


def _resize(operation: Any, x: Any) -> Any:
    if operation.crop_to_aspect_ratio or operation.pad_to_aspect_ratio:
        raise ConversionError(f"{operation.name!r} keeps the aspect ratio: tf.image.resize cannot.")
    return tf.image.resize(
        x, operation.size, method=operation.interpolation, antialias=operation.antialias
    )


def _split(operation: Any, x: Any) -> Any:
    parts, axis = operation.indices_or_sections, operation.axis
    if not isinstance(parts, int):
        ends = [*parts, x.shape[axis]]
        parts = [end - start for start, end in zip([0, *parts], ends, strict=True)]
    return tf.split(x, parts, axis=axis)


PLAIN: dict[str, Callable[..., Any]] = {
    "Absolute": tf.math.abs,
    "Add": tf.math.add,
    "Ceil": tf.math.ceil,
    "Cos": tf.math.cos,
    "Divide": tf.math.truediv,
    "DivideNoNan": tf.math.divide_no_nan,
    "Equal": tf.math.equal,
    "Erf": tf.math.erf,
    "Exp": tf.math.exp,
    "Expm1": tf.math.expm1,
    "Floor": tf.math.floor,
    "FloorDivide": tf.math.floordiv,
    "GetItem": lambda x, key: x[key],
    "Greater": tf.math.greater,
    "GreaterEqual": tf.math.greater_equal,
    "Less": tf.math.less,
    "LessEqual": tf.math.less_equal,
    "Log": tf.math.log,
    "Log1p": tf.math.log1p,
    "LogicalAnd": tf.math.logical_and,
    "LogicalNot": tf.math.logical_not,
    "LogicalOr": tf.math.logical_or,
    "Matmul": tf.linalg.matmul,
    "Maximum": tf.math.maximum,
    "Minimum": tf.math.minimum,
    "Multiply": tf.math.multiply,
    "Negative": tf.math.negative,
    "NotEqual": tf.math.not_equal,
    "OnesLike": tf.ones_like,
    "Power": tf.math.pow,
    "Reciprocal": tf.math.reciprocal,
    "Relu": tf.nn.relu,
    "Relu6": tf.nn.relu6,
    "Rsqrt": tf.math.rsqrt,
    "Sigmoid": tf.math.sigmoid,
    "Sign": tf.math.sign,
    "Silu": tf.nn.silu,
    "Sin": tf.math.sin,
    "Softplus": tf.math.softplus,
    "Sqrt": tf.math.sqrt,
    "Square": tf.math.square,
    "Subtract": tf.math.subtract,
    "Tanh": tf.math.tanh,
    "TrueDivide": tf.math.truediv,
    "Where": tf.where,
    "ZerosLike": tf.zeros_like,
}
WITH_ARGUMENTS: dict[str, Callable[..., Any]] = {
    "All": _reduction(tf.reduce_all),
    "Any": _reduction(tf.reduce_any),
    "Argmax": lambda op, x: tf.argmax(x, axis=op.axis),
    "BroadcastTo": lambda op, x: tf.broadcast_to(x, op.shape),
    "Cast": lambda op, x: tf.cast(x, op.dtype),
    "Clip": _clip,
    "Concatenate": lambda op, xs: tf.concat(xs, axis=op.axis),
    "Cumsum": lambda op, x: tf.cumsum(x, axis=op.axis),
    "ExpandDims": lambda op, x: tf.expand_dims(x, axis=op.axis),
    "Gelu": lambda op, x: tf.nn.gelu(x, approximate=op.approximate),
    "LeakyRelu": lambda op, x: tf.nn.leaky_relu(x, alpha=op.negative_slope),
    "LogSoftmax": lambda op, x: tf.nn.log_softmax(x, axis=op.axis),
    "Logsumexp": _reduction(tf.reduce_logsumexp),
    "Max": _reduction(tf.reduce_max),
    "Mean": _reduction(tf.reduce_mean),
    "Min": _reduction(tf.reduce_min),
    "OneHot": lambda op, x: tf.one_hot(tf.cast(x, "int32"), op.num_classes, axis=op.axis),
    "Pad": _pad,
    "Prod": _reduction(tf.reduce_prod),
    "Reshape": lambda op, x: tf.reshape(x, op.newshape),
    "Resize": _resize,
    "Softmax": lambda op, x: tf.nn.softmax(x, axis=op.axis),
    "Split": _split,
    "Squeeze": lambda op, x: tf.squeeze(x, axis=op.axis),
    "Stack": lambda op, xs: tf.stack(xs, axis=op.axis),
    "Std": _reduction(tf.math.reduce_std),
    "Sum": _reduction(tf.reduce_sum),
    "Take": lambda op, x, indices: tf.gather(x, indices, axis=op.axis),
    "Tile": lambda op, x: tf.tile(x, op.repeats),
    "Transpose": lambda op, x: tf.transpose(x, perm=op.axes),
    "Unstack": lambda op, x: tf.unstack(x, axis=op.axis),
    "Var": _reduction(tf.math.reduce_variance),
}
