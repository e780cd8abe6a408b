"""Outputs of a SavedModel: which of them, with what shape, in which dtype."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from kerazoo.errors import ConfigError

if TYPE_CHECKING:
    from kerazoo.hub.loaded_model import LoadedModel


def select(outputs: Any, key: str | int | list[str] | None, model: LoadedModel) -> Any:
    """The output of that name or position, those of a list of names, or the only one.

    Raises:
        ConfigError: there is no such output.
    """
    if key is None:
        if not model.signature:
            return outputs
        if model.is_tf1 and "default" in outputs:
            return outputs["default"]
        return next(iter(outputs.values())) if len(outputs) == 1 else dict(outputs)
    if isinstance(key, list):
        return {name: select(outputs, name, model) for name in key}
    if isinstance(outputs, Mapping):
        if key in outputs:
            return outputs[key]
        known = ", ".join(sorted(map(str, outputs)))
    elif isinstance(outputs, list | tuple):
        if isinstance(key, int) and -len(outputs) <= key < len(outputs):
            return outputs[key]
        known = f"positions 0 to {len(outputs) - 1}"
    else:
        known = "one output only, without a name"
    raise ConfigError(f"{model.named} has no output {key!r}. It has: {known}.")


def declare(outputs: Any, shape: Any, inputs: Any, model: LoadedModel) -> Any:
    """Give tensors the shapes in `shape`, behind the batch; the structures must be the same.

    Raises:
        ConfigError: the shape of an output is unknown, and `shape` does not say it; or `shape` is
            not that of the outputs.
    """
    import tensorflow as tf

    if isinstance(outputs, Mapping):
        shapes = dict.fromkeys(outputs) if shape is None else shape
        if not isinstance(shapes, Mapping) or shapes.keys() != outputs.keys():
            raise _misfit(shape, f"a dict with a shape for each of {list(outputs)}", model)
        return {key: declare(value, shapes[key], inputs, model) for key, value in outputs.items()}
    if isinstance(outputs, list | tuple):
        shapes = [None] * len(outputs) if shape is None else shape
        if not isinstance(shapes, list | tuple) or len(shapes) != len(outputs):
            raise _misfit(shape, f"a list of {len(outputs)} shapes", model)
        return [declare(*pair, inputs, model) for pair in zip(outputs, shapes, strict=True)]
    if shape is not None:
        batch = tf.TensorShape(tf.nest.flatten(inputs)[0].shape)[:1]
        try:
            return tf.ensure_shape(outputs, batch.concatenate(list(shape)))
        except (TypeError, ValueError, tf.errors.InvalidArgumentError) as error:
            expected = f"the shape of an output {outputs.shape}, without the batch"
            raise _misfit(shape, expected, model) from error
    if outputs.shape.rank is None:
        raise ConfigError(
            f"{model.named} does not say the shape of its output. Pass `output_shape`, the shape "
            "without the batch."
        )
    return outputs


def _misfit(shape: Any, expected: str, model: LoadedModel) -> ConfigError:
    return ConfigError(
        f"`output_shape` does not fit {model.named}: it must be {expected}. Received: {shape!r}."
    )


def lowered(outputs: Any, dtype: str) -> Any:
    """Floating tensors in the layer's compute dtype."""
    import tensorflow as tf

    wanted = tf.as_dtype(dtype)

    def cast(value: Any) -> Any:
        is_other = value.dtype.is_floating and value.dtype != wanted
        return tf.cast(value, wanted) if is_other and wanted.is_floating else value

    return tf.nest.map_structure(cast, outputs)
