"""Functions of TensorFlow that a model of Keras 2 may call by name: those that only compute.

Any public one can be named there: `io.write_file`, `py_function` and `raw_ops` among them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kerazoo.foreign.program_scan import allowed_operations

_ROOMS = {"__operators__", "bitwise", "image", "linalg", "math", "nn", "random", "signal"}
_NAMES = """
abs add add_n argmax argmin argsort boolean_mask broadcast_to cast clip_by_value complex concat
constant convert_to_tensor cos cumsum divide einsum equal exp expand_dims eye fill floor gather
gather_nd greater greater_equal identity less less_equal logical_and logical_not logical_or matmul
maximum meshgrid minimum multiply negative norm not_equal one_hot ones ones_like pad pow range rank
realdiv reduce_all reduce_any reduce_max reduce_mean reduce_min reduce_prod reduce_sum repeat
reshape reverse roll round searchsorted shape sigmoid sign sin size slice softmax sort split sqrt
square squeeze stack stop_gradient strided_slice subtract tanh tensor_scatter_nd_add
tensor_scatter_nd_update tensordot tile transpose truediv unstack where zeros zeros_like
"""
_PLAIN = frozenset(_NAMES.split())
_CLASSES = ("RaggedTensor", "SparseTensor", "sparse.SparseTensor")
"""Those whose methods make tensors out of tensors."""


def harm_of_layer(kind: str, config: Mapping[str, Any]) -> str:
    """What a layer of Keras 2 calls of TensorFlow that may do more than compute; else nothing.

    >>> harm_of_layer("TensorFlowOpLayer", {"node_def": {"op": "WriteFile"}})
    "runs TensorFlow's operation 'WriteFile', not known to compute only"
    """
    if kind in ("TFOpLambda", "SlicingOpLambda") and not is_computing(config.get("function")):
        return f"calls TensorFlow's function {config.get('function')!r:.100} by name"
    if kind == "TensorFlowOpLayer":
        node = config.get("node_def")  # or its bytes as a text, which may be anything
        operation = node.get("op") if isinstance(node, dict) else None
        if not isinstance(operation, str) or operation not in allowed_operations():
            return f"runs TensorFlow's operation {operation!r:.100}, not known to compute only"
    if kind == "ClassMethod":
        symbol, method = config.get("cls_symbol"), config.get("method_name")
        if symbol not in _CLASSES or not _is_public(method):
            return f"calls {method!r:.100} of TensorFlow's {symbol!r:.100} by name"
    if kind in ("InstanceMethod", "InstanceProperty") and not _is_public(config.get("attr_name")):
        return f"asks a tensor for {config.get('attr_name')!r:.100}, which is not public"
    return ""


def _is_public(name: object) -> bool:
    return isinstance(name, str) and not name.startswith("_")


def is_computing(name: object) -> bool:
    """Whether the function, "math.multiply" for `tf.math.multiply`, only computes.

    >>> is_computing("math.multiply"), is_computing("io.write_file")
    (True, False)
    """
    if not isinstance(name, str):
        return False
    parts = name.removeprefix("compat.v1.").split(".")
    return parts[0] in _ROOMS if len(parts) == 2 else parts[0] in _PLAIN and len(parts) == 1
