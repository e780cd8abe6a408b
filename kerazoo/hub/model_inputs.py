"""Inputs of a SavedModel in the dtypes and under the names that it was published with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from kerazoo.errors import DataError

if TYPE_CHECKING:
    from kerazoo.hub.loaded_model import LoadedModel


def for_object(model: LoadedModel, inputs: Any) -> Any:
    """`inputs` with numbers cast to the dtypes that the object takes.

    What no trace of it fits is left as it is, for TensorFlow to judge.
    """
    import tensorflow as tf

    inputs = tf.nest.map_structure(tf.convert_to_tensor, inputs)
    for spec in model.input_specs:
        try:
            tf.nest.assert_same_structure(spec, inputs, check_types=False)
        except (ValueError, TypeError):
            continue
        return tf.nest.map_structure(_cast, inputs, spec)
    return inputs


def for_signature(model: LoadedModel, inputs: Any, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The tensors that a signature takes, by name.

    Raises:
        DataError: a name is missing or too many.
    """
    specs = model.input_specs[0]
    if isinstance(inputs, Mapping):
        given = {**inputs, **arguments}
    else:
        free = [name for name in specs if name not in arguments]
        values = list(inputs) if isinstance(inputs, list | tuple) else [inputs]
        if len(free) != 1 or len(values) != 1:
            raise DataError(
                f"The signature {model.signature!r} of {model.named} takes several inputs. Pass a "
                f"dict with the names {', '.join(sorted(free))}."
            )
        given = {free[0]: values[0], **arguments}
    if given.keys() != specs.keys():
        raise DataError(
            f"The signature {model.signature!r} of {model.named} takes {', '.join(sorted(specs))}. "
            f"Received: {', '.join(sorted(given))}."
        )
    return {name: _fit(model, name, value, specs[name]) for name, value in given.items()}


def not_taken(
    model: LoadedModel, inputs: Any, options: Mapping[str, Any], error: Exception
) -> Exception:
    """One line instead of TensorFlow's list of traces; the error itself where it is another one."""
    import tensorflow as tf

    if "matching concrete function" not in str(error):
        return error
    given = tf.nest.map_structure(lambda tensor: _words(tensor.shape, tensor.dtype), inputs)
    taken = {
        str(tf.nest.map_structure(lambda spec: _words(spec.shape, spec.dtype), specs))
        for specs in model.input_specs
    }
    return DataError(
        f"{model.named} was not published for inputs {given} with "
        f"{dict(options) or 'no arguments'}. It takes: {' or '.join(sorted(taken))}. `arguments` "
        "sets what else it is called with, as {'training': False}."
    )


def _fit(model: LoadedModel, name: str, value: Any, spec: Any) -> Any:
    import tensorflow as tf

    tensor = _cast(tf.convert_to_tensor(value), spec)
    if not spec.shape.is_compatible_with(tensor.shape) or spec.dtype != tensor.dtype:
        raise DataError(
            f"The input {name!r} of {model.named} must be {_words(spec.shape, spec.dtype)}. "
            f"Received: {_words(tensor.shape, tensor.dtype)}."
        )
    return tensor


def _cast(tensor: Any, spec: Any) -> Any:
    """Numbers to the dtype of `spec`; never a fraction to an integer, nor text to anything."""
    import tensorflow as tf

    wanted, given = spec.dtype, tensor.dtype
    is_number = given.is_floating or given.is_integer
    if wanted == given or not is_number:
        return tensor
    if wanted.is_floating or (wanted.is_integer and given.is_integer):
        return tf.cast(tensor, wanted)
    return tensor


def _words(shape: Any, dtype: Any) -> str:
    sizes = shape.as_list() if shape.rank is not None else "of any shape"
    return f"{dtype.name} {sizes}"
