"""Each TensorFlow function that a Keras 2 model may hold, against TensorFlow itself."""

import numpy as np
import pytest
import tensorflow as tf

from kerazoo.convert._tensorflow_operations import OPERATIONS, tensorflow_operation

X = np.random.default_rng(0).uniform(0.2, 2.0, (2, 3, 4)).astype("float32")
IMAGE = np.random.default_rng(1).normal(size=(2, 4, 6, 3)).astype("float32")
BINARY = [
    *("add", "divide", "divide_no_nan", "equal", "floordiv", "greater", "greater_equal", "less"),
    *("less_equal", "maximum", "minimum", "multiply", "not_equal", "pow", "squared_difference"),
    *("subtract", "truediv"),
]
UNARY = [
    *("abs", "ceil", "cos", "erf", "exp", "expm1", "floor", "log", "log1p", "negative"),
    *("reciprocal", "rint", "round", "rsqrt", "sigmoid", "sign", "sin", "softplus", "sqrt"),
    *("square", "tanh"),
]
REDUCTIONS = ["logsumexp", "max", "mean", "min", "prod", "std", "sum", "variance"]
MASK = X > 1
CALLS = [
    *((f"math.{name}", (X, X[::-1]), {}) for name in BINARY),
    *((f"math.{name}", (X,), {}) for name in UNARY),
    *((f"math.reduce_{name}", (X,), {"axis": [1]}) for name in REDUCTIONS),
    *((f"math.reduce_{name}", (X,), {"axis": -1, "keepdims": True}) for name in REDUCTIONS),
    *((f"math.reduce_{name}", (MASK,), {"axis": 0}) for name in ("all", "any")),
    *((f"math.logical_{name}", (MASK, MASK[::-1]), {}) for name in ("and", "or")),
    ("__operators__.add", (X, [1.0, 2.0, 3.0, 4.0]), {}),
    ("__operators__.getitem", (X, (slice(None), 0, slice(1, None))), {}),
    ("argmax", (X,), {"axis": 1}),
    ("broadcast_to", (X[:, :1], [2, 3, 4]), {}),
    ("cast", (X, "int32"), {}),
    ("clip_by_value", (X, 0.5, 1.0), {}),
    ("concat", ([X, X],), {"axis": 1}),
    ("expand_dims", (X,), {"axis": 1}),
    ("gather", (X, [1, 0]), {"axis": 1}),
    ("identity", (X,), {}),
    ("image.resize", (IMAGE, [8, 9]), {}),
    ("image.resize", (IMAGE, [2, 3]), {"method": "nearest"}),
    ("linalg.matmul", (X, X), {"transpose_b": True}),
    ("matmul", (X, X), {"transpose_a": True}),
    ("math.argmax", (X,), {"axis": 2}),
    ("math.cumsum", (X,), {"axis": 1}),
    ("math.l2_normalize", (X,), {"axis": 1}),
    ("math.logical_not", (MASK,), {}),
    ("nn.elu", (X - 1,), {}),
    ("nn.gelu", (X - 1,), {}),
    ("nn.gelu", (X - 1,), {"approximate": True}),
    ("nn.l2_normalize", (X,), {"axis": [1, 2]}),
    ("nn.leaky_relu", (X - 1,), {}),
    ("nn.leaky_relu", (X - 1,), {"alpha": 0.3}),
    ("nn.log_softmax", (X,), {}),
    ("nn.relu", (X - 1,), {}),
    ("nn.relu6", (10 * X - 5,), {}),
    ("nn.sigmoid", (X,), {}),
    ("nn.silu", (X - 1,), {}),
    ("nn.softmax", (X,), {"axis": 1}),
    ("nn.softplus", (X,), {}),
    ("nn.swish", (X - 1,), {}),
    ("nn.tanh", (X,), {}),
    ("one_hot", (np.array([0, 2]), 3), {}),
    ("ones_like", (X,), {}),
    ("pad", (X, [[0, 0], [1, 2], [0, 0]]), {}),
    ("pad", (X, [[0, 0], [1, 2], [0, 0]]), {"mode": "REFLECT"}),
    ("reshape", (X, [-1, 6]), {}),
    ("slice", (X, [0, 1, 0], [-1, 2, 3]), {}),
    ("split", (X, 2), {"axis": 2}),
    ("split", (X, [1, 3]), {"axis": 2}),
    ("squeeze", (X[:, :1],), {"axis": [1]}),
    ("stack", ([X, X],), {"axis": 1}),
    ("tile", (X, [1, 2, 1]), {}),
    ("transpose", (X,), {"perm": [0, 2, 1]}),
    ("transpose", (X,), {}),
    ("unstack", (X,), {"axis": 1}),
    ("where", (MASK, X, -X), {}),
    ("zeros_like", (X,), {}),
]


def by_tensorflow(symbol):
    """The function of that name."""
    if symbol == "__operators__.getitem":
        return lambda x, spec: tf.constant(x)[spec]
    if symbol == "__operators__.add":
        return tf.add
    found = tf
    for part in symbol.split("."):
        found = getattr(found, part)
    return found


@pytest.mark.parametrize(("symbol", "args", "kwargs"), CALLS)
def test_numbers_are_tensorflows(symbol, args, kwargs):
    expected = tf.nest.flatten(by_tensorflow(symbol)(*args, **kwargs))
    result = tensorflow_operation(symbol, "layer")(*args, **kwargs)
    actual = list(result) if isinstance(result, list | tuple) else [result]
    assert len(actual) == len(expected)
    for mine, theirs in zip(actual, expected, strict=True):
        np.testing.assert_allclose(np.asarray(mine), theirs.numpy(), rtol=2e-6, atol=2e-6)


def test_every_operation_is_compared():
    assert {symbol for symbol, _, _ in CALLS} == set(OPERATIONS)
