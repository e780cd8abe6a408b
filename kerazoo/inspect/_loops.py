"""How often a function inside a graph runs."""

from __future__ import annotations

from typing import Any

_LOOPS = ("While", "StatelessWhile")


def turns(operation: Any) -> int | None:
    """How often a loop's body runs at most; None where only running it would tell.

    Loops of Keras's layers and AutoGraph's `for` over a range of known length have that number as
    their second input: TensorFlow's while_loop puts `maximum_iterations` there.
    """
    value = _value(operation.inputs[1])
    return value if value is not None and value >= 0 else None


def is_loop(operation: Any) -> bool:
    """Whether the operation calls a body again and again."""
    return operation.type in _LOOPS


def _value(tensor: Any) -> int | None:
    """A number that can be told from constants alone."""
    import tensorflow as tf

    found = tf.get_static_value(tensor)
    if found is None and tensor.op.type in ("Max", "Identity"):  # Keras: the longest of one length
        found = tf.get_static_value(tensor.op.inputs[0])
    return int(found.max()) if found is not None and found.size else None
