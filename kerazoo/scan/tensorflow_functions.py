"""Functions of TensorFlow that a model of Keras 2 may call by name: those that only compute.

Any public one can be named there: `io.write_file`, `py_function` and `raw_ops` among them.
"""

from __future__ import annotations

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


def is_computing(name: object) -> bool:
    """Whether the function, "math.multiply" for `tf.math.multiply`, only computes.

    >>> is_computing("math.multiply"), is_computing("io.write_file")
    (True, False)
    """
    if not isinstance(name, str):
        return False
    parts = name.removeprefix("compat.v1.").split(".")
    return parts[0] in _ROOMS if len(parts) == 2 else parts[0] in _PLAIN and len(parts) == 1
