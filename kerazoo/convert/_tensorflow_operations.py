"""TensorFlow functions inside Keras 2 models, as `keras.ops`.

Keras 2 wraps `tf.math.multiply(x, 2)`, `x + y` or `x[:, 0]` on a layer's output into a `TFOpLambda`
layer that names the function. Only the functions listed here are ever called: a name in a file
decides nothing else. Each stands in with TensorFlow's argument names.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from keras import activations, ops

from kerazoo.errors import ConversionError, nearest


def tensorflow_operation(symbol: Any, layer: str) -> Callable[..., Any]:
    """The function of `keras.ops` for the TensorFlow function `symbol`, such as "math.multiply".

    Raises:
        ConversionError: there is none here.
    """
    found = OPERATIONS.get(str(symbol).removeprefix("compat.v1."))
    if found is None:
        close = nearest(str(symbol), OPERATIONS, count=1)
        raise ConversionError(
            f"Layer {layer!r} calls tf.{symbol}, for which no Keras operation is known here"
            f"{f' (the nearest known: tf.{close[0]})' if close else ''}. Write the model in "
            "Keras 3 with keras.ops in its place and pass it as `model=`: its weights go over."
        )
    return found


def _unary(operation: Any) -> Callable[..., Any]:
    return lambda x: operation(x)


def _binary(operation: Any) -> Callable[..., Any]:
    return lambda x, y: operation(*_alike(x, y))


def _alike(*values: Any) -> list[Any]:
    """Lists of numbers as arrays of the tensor's dtype, as TensorFlow takes them."""
    dtypes = [value.dtype for value in values if hasattr(value, "dtype")]
    return [
        np.array(value, dtypes[0] if dtypes else None) if isinstance(value, list) else value
        for value in values
    ]


def _reduction(operation: Any) -> Callable[..., Any]:
    return lambda input_tensor, axis=None, keepdims=False: operation(
        input_tensor, axis=_axes(axis), keepdims=bool(keepdims)
    )


def _axes(axis: Any) -> Any:
    return tuple(axis) if isinstance(axis, list) else axis


def _matmul(
    a: Any, b: Any, transpose_a: bool = False, transpose_b: bool = False, **rest: Any
) -> Any:
    if any(rest.values()):
        raise ConversionError(f"tf.matmul with {rest} has no equivalent in keras.ops.")
    a, b = (
        ops.swapaxes(x, -1, -2) if turned else x
        for x, turned in zip(_alike(a, b), (transpose_a, transpose_b), strict=True)
    )
    return ops.matmul(a, b)


def _getitem(tensor: Any, slice_spec: Any) -> Any:
    """`tensor[...]`: slices come as dictionaries."""

    def index(part: Any) -> Any:
        if isinstance(part, dict):
            return slice(part["start"], part["stop"], part["step"])
        return part

    return tensor[
        tuple(map(index, slice_spec)) if isinstance(slice_spec, list | tuple) else index(slice_spec)
    ]


def _resize(images: Any, size: Any, method: str = "bilinear", antialias: bool = False) -> Any:
    if not isinstance(method, str):  # tf.image.ResizeMethod's older numbers
        method = ("bilinear", "nearest", "bicubic")[method]
    return ops.image.resize(images, tuple(size), interpolation=method, antialias=antialias)


def _pad(tensor: Any, paddings: Any, mode: str = "CONSTANT", constant_values: Any = 0) -> Any:
    mode = mode.lower()
    return ops.pad(
        tensor, paddings, mode, constant_values=constant_values if mode == "constant" else None
    )


def _l2_normalize(x: Any, axis: Any = None, epsilon: float = 1e-12) -> Any:
    square_sum = ops.sum(ops.square(x), axis=_axes(axis), keepdims=True)
    return x * ops.rsqrt(ops.maximum(square_sum, epsilon))


def _squeeze(input: Any, axis: Any = None, squeeze_dims: Any = None) -> Any:
    return ops.squeeze(input, axis=_axes(axis if axis is not None else squeeze_dims))


def _strided(tensor: Any, begin: Any, size: Any) -> Any:
    """tf.slice; a size of -1 is all that is left."""
    parts = [
        slice(first, None if length == -1 else first + length)
        for first, length in zip(begin, size, strict=True)
    ]
    return tensor[tuple(parts)]


def _gather(params: Any, indices: Any, axis: int = 0) -> Any:
    return ops.take(params, np.array(indices) if isinstance(indices, list) else indices, axis=axis)


def _clip(t: Any, clip_value_min: Any, clip_value_max: Any) -> Any:
    return ops.clip(t, clip_value_min, clip_value_max)


def _split(value: Any, num_or_size_splits: Any, axis: int = 0) -> Any:
    if isinstance(num_or_size_splits, list):
        num_or_size_splits = np.cumsum(num_or_size_splits)[:-1].tolist()
    return ops.split(value, num_or_size_splits, axis=axis)


def _gelu(features: Any, approximate: bool = False) -> Any:
    return activations.gelu(features, approximate=approximate)


_BINARY = {
    "__operators__.add": ops.add,
    "math.add": ops.add,
    "math.divide": ops.true_divide,
    "math.divide_no_nan": ops.divide_no_nan,
    "math.equal": ops.equal,
    "math.floordiv": ops.floor_divide,
    "math.greater": ops.greater,
    "math.greater_equal": ops.greater_equal,
    "math.less": ops.less,
    "math.less_equal": ops.less_equal,
    "math.logical_and": ops.logical_and,
    "math.logical_or": ops.logical_or,
    "math.maximum": ops.maximum,
    "math.minimum": ops.minimum,
    "math.multiply": ops.multiply,
    "math.not_equal": ops.not_equal,
    "math.pow": ops.power,
    "math.squared_difference": lambda x, y: ops.square(ops.subtract(x, y)),
    "math.subtract": ops.subtract,
    "math.truediv": ops.true_divide,
}
_UNARY = {
    "abs": ops.absolute,
    "ceil": ops.ceil,
    "cos": ops.cos,
    "erf": ops.erf,
    "exp": ops.exp,
    "expm1": ops.expm1,
    "floor": ops.floor,
    "log": ops.log,
    "log1p": ops.log1p,
    "logical_not": ops.logical_not,
    "negative": ops.negative,
    "reciprocal": ops.reciprocal,
    "rint": ops.round,
    "round": ops.round,
    "rsqrt": ops.rsqrt,
    "sigmoid": ops.sigmoid,
    "sign": ops.sign,
    "sin": ops.sin,
    "softplus": ops.softplus,
    "sqrt": ops.sqrt,
    "square": ops.square,
    "tanh": ops.tanh,
}
_REDUCTIONS = {
    "all": ops.all,
    "any": ops.any,
    "logsumexp": ops.logsumexp,
    "max": ops.max,
    "mean": ops.mean,
    "min": ops.min,
    "prod": ops.prod,
    "std": ops.std,
    "sum": ops.sum,
    "variance": ops.var,
}
OPERATIONS: dict[str, Callable[..., Any]] = {
    **{name: _binary(operation) for name, operation in _BINARY.items()},
    **{f"math.{name}": _unary(operation) for name, operation in _UNARY.items()},
    **{f"math.reduce_{name}": _reduction(operation) for name, operation in _REDUCTIONS.items()},
    "__operators__.getitem": _getitem,
    "argmax": lambda input, axis=0: ops.argmax(input, axis=axis),
    "broadcast_to": lambda input, shape: ops.broadcast_to(input, shape),
    "cast": lambda x, dtype: ops.cast(x, dtype),
    "clip_by_value": _clip,
    "concat": lambda values, axis: ops.concatenate(values, axis=axis),
    "expand_dims": lambda input, axis: ops.expand_dims(input, axis),
    "gather": _gather,
    "identity": lambda input: ops.multiply(input, 1),
    "image.resize": _resize,
    "linalg.matmul": _matmul,
    "math.argmax": lambda input, axis=0: ops.argmax(input, axis=axis),
    "math.cumsum": lambda x, axis=0: ops.cumsum(x, axis=axis),
    "math.l2_normalize": _l2_normalize,
    "matmul": _matmul,
    "nn.elu": lambda features: ops.elu(features),
    "nn.gelu": _gelu,
    "nn.l2_normalize": _l2_normalize,
    "nn.leaky_relu": lambda features, alpha=0.2: ops.leaky_relu(features, alpha),
    "nn.log_softmax": lambda logits, axis=-1: ops.log_softmax(logits, axis=axis),
    "nn.relu": lambda features: ops.relu(features),
    "nn.relu6": lambda features: ops.relu6(features),
    "nn.sigmoid": _unary(ops.sigmoid),
    "nn.silu": lambda features, beta=1.0: features * ops.sigmoid(beta * features),
    "nn.softmax": lambda logits, axis=-1: ops.softmax(logits, axis=axis),
    "nn.softplus": lambda features: ops.softplus(features),
    "nn.swish": lambda features, beta=1.0: features * ops.sigmoid(beta * features),
    "nn.tanh": _unary(ops.tanh),
    "one_hot": lambda indices, depth, axis=-1: ops.one_hot(indices, depth, axis=axis),
    "ones_like": lambda input: ops.ones_like(input),
    "pad": _pad,
    "reshape": lambda tensor, shape: ops.reshape(tensor, shape),
    "slice": lambda input_, begin, size: _strided(input_, begin, size),
    "split": _split,
    "squeeze": _squeeze,
    "stack": lambda values, axis=0: ops.stack(values, axis=axis),
    "tile": lambda input, multiples: ops.tile(input, multiples),
    "transpose": lambda a, perm=None: ops.transpose(a, perm),
    "unstack": lambda value, axis=0: ops.unstack(value, axis=axis),
    "where": lambda condition, x, y: ops.where(condition, x, y),
    "zeros_like": lambda input: ops.zeros_like(input),
}
