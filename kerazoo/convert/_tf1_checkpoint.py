"""Reads the files that `tf.train.Saver` writes, and lists a model's variables."""

from __future__ import annotations

import os
from typing import Any

import keras
import numpy as np

from kerazoo.errors import ConversionError


def open_checkpoint(prefix: str | os.PathLike[str]) -> Any:
    """TensorFlow's reader.

    Raises:
        ConversionError: there is no checkpoint of this prefix, it is damaged, or TensorFlow 2's.
    """
    import tensorflow as tf

    prefix = os.fspath(prefix)
    if not os.path.isfile(f"{prefix}.index") and not os.path.isfile(prefix):
        raise ConversionError(
            f"There is no checkpoint {prefix!r}: its prefix is expected, such as "
            "'model.ckpt-1000' where the files are model.ckpt-1000.index and .data-00000-of-00001."
        )
    try:
        reader = tf.train.load_checkpoint(prefix)
        shapes = reader.get_variable_to_shape_map()
    except (tf.errors.OpError, ValueError, RuntimeError) as error:
        raise ConversionError(f"The checkpoint {prefix!r} is damaged or none at all.") from error
    if "_CHECKPOINTABLE_OBJECT_GRAPH" in shapes:
        raise ConversionError(
            f"The checkpoint {prefix!r} is TensorFlow 2's, which goes by objects, not by names: "
            "load it with tf.train.Checkpoint, or in Keras 2 and use kerazoo.convert.from_keras2."
        )
    return reader


def read_shapes(prefix: str | os.PathLike[str]) -> dict[str, tuple[int, ...]]:
    """The shape of each variable that holds numbers, by name."""
    reader = open_checkpoint(prefix)
    dtypes = reader.get_variable_to_dtype_map()
    shapes = reader.get_variable_to_shape_map()
    return {
        name: tuple(shapes[name])
        for name in sorted(shapes)
        if dtypes[name].is_floating or dtypes[name].is_integer or dtypes[name].is_bool
    }


def read_value(reader: Any, name: str) -> np.ndarray:
    """The variable's value. Raises `ConversionError` where the data file is damaged."""
    import tensorflow as tf

    try:
        return np.asarray(reader.get_tensor(name))
    except (tf.errors.OpError, RuntimeError) as error:
        raise ConversionError(f"The checkpoint's variable {name!r} cannot be read.") from error


def model_variables(model: Any) -> dict[str, Any]:
    """The model's weights by path; a path that two have gets numbers.

    Raises:
        ConversionError: the model is no Keras 3 model, or is not built.
    """
    if not isinstance(model, keras.Model) or not model.built:
        raise ConversionError(
            f"`model` must be a Keras 3 model that is built. Received: {type(model).__name__}, "
            f"built={getattr(model, 'built', False)}."
        )
    found: dict[str, Any] = {}
    for variable in model.weights:
        path, number = variable.path, 0
        while path in found:
            number += 1
            path = f"{variable.path}_{number}"
        found[path] = variable
    return found
