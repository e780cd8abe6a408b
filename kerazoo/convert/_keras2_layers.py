"""A Keras 2 layer for each layer of a Keras 3 model."""

from __future__ import annotations

import inspect
from typing import Any

import keras
import tf_keras

from kerazoo.errors import ConversionError

ANY = object()
# Arguments that Keras 2 does not have, with the values that ask for nothing.
MEANINGLESS: dict[str, Any] = {
    "data_format": ("channels_last",),
    "fill_mode": ("constant",),
    "renorm_clipping": ANY,
    "renorm_momentum": ANY,
    "use_cudnn": ANY,
    "value_range": ANY,
}
ACTIVATIONS = {"silu": "swish"}
KINDS_INSIDE = {"layer", "backward_layer", "cell", "cells"}
RENAMED = {("LeakyReLU", "negative_slope"): "alpha"}


def keras2_layer(layer: keras.layers.Layer) -> Any:
    """The layer with the same arguments, not yet built.

    Raises:
        ConversionError: Keras 2 has no such class, or no such argument.
    """
    return _from_saved(keras.saving.serialize_keras_object(layer), layer.name)


def _from_saved(saved: dict[str, Any], name: str) -> Any:
    kind = saved.get("registered_name") or saved["class_name"]
    config = dict(saved["config"])
    if kind in OWN:
        return OWN[kind](saved)
    if kind == "BatchNormalization" and config.pop("synchronized", False):
        kind = "experimental.SyncBatchNormalization"
    found: Any = tf_keras.layers
    for part in kind.split("."):
        found = getattr(found, part, None)
    if not str(saved.get("module")).startswith("keras") or not inspect.isclass(found):
        raise ConversionError(
            f"Layer {name!r} ({kind}) does not exist in Keras 2. Replace it by layers that do."
        )
    if kind == "Bidirectional":  # which names the layer in it by direction, each time anew
        config["layer"]["config"]["name"] = config["layer"]["config"]["name"].removeprefix(
            "forward_"
        )
    arguments = _arguments(found, config, name)
    try:
        return found(**arguments)
    except (TypeError, ValueError) as error:
        problem = " ".join(str(error).split())[:200]
        raise ConversionError(f"Layer {name!r} ({kind}) cannot be made: {problem}") from error


def _arguments(kind: Any, config: dict[str, Any], name: str) -> dict[str, Any]:
    known = {"name", "trainable", "dtype", "zero_output_for_mask"}
    for base in kind.__mro__:
        known |= set(inspect.signature(base.__init__).parameters)
    arguments = {}
    for argument, value in config.items():
        argument = RENAMED.get((kind.__name__, argument), argument)
        if argument.endswith("initializer"):
            continue  # the weights are set
        if argument in known - {"self", "args", "kwargs"} and value is not None:
            arguments[argument] = _value(argument, value, name)
        elif value and not _asks_for_nothing(argument, value):
            raise ConversionError(
                f"Layer {name!r} ({kind.__name__}): Keras 2 has no argument `{argument}`, which "
                f"is {str(value)[:80]}."
            )
    return arguments


def _asks_for_nothing(argument: str, value: Any) -> bool:
    allowed = MEANINGLESS.get(argument, ())
    return allowed is ANY or value in allowed


def _value(argument: str, value: Any, name: str) -> Any:
    if argument in KINDS_INSIDE:
        inside = value if isinstance(value, list | tuple) else [value]
        made = [one and _from_saved(one, one["config"]["name"]) for one in inside]
        return made if isinstance(value, list | tuple) else made[0]
    if argument in ("activation", "recurrent_activation"):
        return _activation(value, name)
    if isinstance(value, dict) and "class_name" in value:
        if value["class_name"] == "DTypePolicy":
            return value["config"]["name"]
        for ending in ("regularizer", "constraint"):
            if argument.endswith(ending):
                return _of_package(getattr(tf_keras, f"{ending}s"), value, argument, name)
        raise ConversionError(f"Layer {name!r}: `{argument}` ({value['class_name']}) stays behind.")
    return value


def _activation(value: Any, name: str) -> Any:
    if isinstance(value, dict):
        value = value.get("config")
    if value is None:
        return None
    if value == "kerazoo>keras2_hard_sigmoid":
        return "hard_sigmoid"
    value = ACTIVATIONS.get(value, value)
    if value == "hard_sigmoid" or not hasattr(tf_keras.activations, str(value)):
        raise ConversionError(f"Layer {name!r}: Keras 2 has no activation {value!r} of this kind.")
    return value


def _of_package(package: Any, value: dict[str, Any], argument: str, name: str) -> Any:
    kind = getattr(package, value["class_name"], None)
    if kind is None:
        raise ConversionError(
            f"Layer {name!r}: Keras 2 has no {value['class_name']} for `{argument}`."
        )
    return kind.from_config(value["config"])


def _layer_scale(saved: dict[str, Any]) -> Any:
    from tf_keras.src.applications.convnext import LayerScale

    config = saved["config"]
    (channels,) = saved["build_config"]["input_shape"][-1:]
    return LayerScale(config["initial_value"], channels, name=config["name"])


def _drop_path(saved: dict[str, Any]) -> Any:
    from tf_keras.src.applications.convnext import StochasticDepth

    return StochasticDepth(saved["config"]["rate"], name=saved["config"]["name"])


OWN = {"kerazoo>DropPath": _drop_path, "kerazoo>LayerScale": _layer_scale}
