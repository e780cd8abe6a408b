"""The inputs of an element of a data set, and a hash that tells them from others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras

from kerazoo.errors import DataError

if TYPE_CHECKING:
    import tensorflow as tf


def unpack(element: Any) -> tuple[Any, ...]:
    """(x, y) or (x, y, sample_weight) of an element; y is None where there is none."""
    if not isinstance(element, tuple):
        return element, None
    if len(element) > 3:
        raise DataError(
            f"Elements must be x, (x, y) or (x, y, sample_weight). Received: {len(element)} parts."
        )
    return (*element, None) if len(element) == 1 else element


def hash_of_inputs(inputs: Any) -> tf.Tensor:
    """int64: Farmhash of all tensors' bytes, dtypes and shapes; the same on every machine.

    In TensorFlow's own operators, at gigabytes per second: cheap enough for every batch.
    """
    import tensorflow as tf

    tensors = keras.tree.flatten(inputs)
    for tensor in tensors:
        if not isinstance(tensor, tf.Tensor):
            raise DataError(
                f"Inputs must be dense tensors. Received: {type(tensor).__name__}. Pad ragged and "
                f"sparse ones before cache_teacher."
            )
    content = tf.strings.join([tf.io.serialize_tensor(tensor) for tensor in tensors])
    return tf.strings.to_hash_bucket_fast(content, 2**62)
