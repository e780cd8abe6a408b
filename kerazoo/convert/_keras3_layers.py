"""A Keras 3 layer, or operation, for each layer of a Keras 2 model."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import keras
from keras import ops

import kerazoo.layers
from kerazoo.convert._keras2_config import read_keras2_config
from kerazoo.convert._keras3_arguments import keras3_arguments
from kerazoo.convert._spec import LayerSpec, ModelSpec
from kerazoo.convert._tensorflow_operations import tensorflow_operation
from kerazoo.errors import ConversionError, nearest

Build = Callable[[ModelSpec], Any]
# They run programs that came with the file, or are no layers of themselves.
NOT_FROM_FILES = {"TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer", "Layer", "Wrapper"}
LAYERS_INSIDE = {"layer", "backward_layer", "cell", "cells"}
IN_ITS_PLACE = (
    "Write the model in Keras 3 with a layer of yours in its place and pass it as `model=`: its "
    "weights are taken over."
)


def keras3_layer(spec: LayerSpec, build: Build) -> Callable[..., Any]:
    """What to call in the layer's place: a `keras.Layer`, or a function of `keras.ops`.

    `build` makes the models that wrapping layers hold.

    Raises:
        ConversionError: a Lambda, a class that neither Keras 3 nor the caller's program knows, or
            an argument without equivalent.
    """
    if spec.kind in ("Lambda", "Custom>Lambda"):
        raise ConversionError(
            f"Layer {spec.name!r} is a Lambda: the Python code in the file is not executed. "
            f"{IN_ITS_PLACE}"
        )
    if spec.kind in ("TFOpLambda", "SlicingOpLambda"):
        return tensorflow_operation(spec.config.get("function"), spec.name)
    if spec.kind in SPECIAL:
        return SPECIAL[spec.kind](spec, build)
    registered = keras.saving.get_registered_object(spec.kind)
    if registered is not None and not registered.__module__.startswith("keras."):
        return registered.from_config(spec.config)
    kind = _class_of_keras(spec)
    config = {**spec.config, "name": spec.name}
    inside = {name: _inside(config.pop(name), build) for name in LAYERS_INSIDE & set(config)}
    arguments = {**keras3_arguments(kind, config, spec.name), **inside}
    arguments.pop("trainable", None)  # some constructors do not take it
    try:
        layer = kind(**arguments)
    except (TypeError, ValueError) as error:
        raise ConversionError(
            f"Layer {spec.name!r} ({kind.__name__}) cannot be made in Keras 3: "
            f"{' '.join(str(error).split())[:300]}"
        ) from error
    if not config.get("trainable", True):
        layer.trainable = False
    return layer


def _class_of_keras(spec: LayerSpec) -> Any:
    kind = getattr(keras.layers, spec.kind, None)
    if spec.kind in NOT_FROM_FILES or not (
        inspect.isclass(kind) and issubclass(kind, keras.layers.Layer)
    ):
        known = [name for name in dir(keras.layers) if name[0].isupper()]
        close = nearest(spec.kind, known, count=1)
        hint = f" (its nearest is {close[0]})" if close else ""
        raise ConversionError(
            f"Layer {spec.name!r} is a {spec.kind}, which Keras 3 does not have{hint}. If it is "
            "your class, port it and register it with keras.saving.register_keras_serializable "
            f"before. {IN_ITS_PLACE}"
        )
    return kind


def _inside(saved: Any, build: Build) -> Any:
    """The layer, or list of layers, that wraps or is wrapped."""
    if isinstance(saved, list):
        return [_inside(one, build) for one in saved]
    if not isinstance(saved, dict):
        return None
    # Read as a model of one layer, which knows both formats.
    model = read_keras2_config({"class_name": "Sequential", "config": [saved]})
    (spec,) = model.layers
    return build(spec.model) if spec.model else keras3_layer(spec, build)


def _layer_scale(spec: LayerSpec, build: Build) -> Any:
    """Of tf_keras.applications' ConvNeXt."""
    return kerazoo.layers.LayerScale(spec.config["init_values"], **_common(spec))


def _stochastic_depth(spec: LayerSpec, build: Build) -> Any:
    """Of tf_keras.applications' ConvNeXt."""
    return kerazoo.layers.DropPath(spec.config["drop_path_rate"], **_common(spec))


def _custom_scale_layer(spec: LayerSpec, build: Build) -> Any:
    """Of tf_keras.applications' InceptionResNetV2."""
    return lambda inputs: inputs[0] + inputs[1] * spec.config["scale"]


def _thresholded_relu(spec: LayerSpec, build: Build) -> Any:
    theta = float(spec.config["theta"])
    return lambda x: x * ops.cast(x > theta, x.dtype)


def _synchronized(spec: LayerSpec, build: Build) -> Any:
    config = {**spec.config, "synchronized": True}
    return keras3_layer(LayerSpec(spec.name, "BatchNormalization", config), build)


def _leaky_relu(spec: LayerSpec, build: Build) -> Any:
    config = dict(spec.config)
    slope = config.pop("alpha", config.pop("negative_slope", 0.3))
    return keras.layers.LeakyReLU(
        float(slope), **keras3_arguments(keras.layers.LeakyReLU, config, spec.name)
    )


def _common(spec: LayerSpec) -> dict[str, Any]:
    config: dict[str, Any] = {"name": spec.name}
    config |= {key: spec.config[key] for key in ("trainable", "dtype") if key in spec.config}
    return keras3_arguments(keras.layers.Layer, config, spec.name)


SPECIAL: dict[str, Callable[[LayerSpec, Build], Any]] = {
    "Custom>CustomScaleLayer": _custom_scale_layer,
    "CustomScaleLayer": _custom_scale_layer,
    "LayerScale": _layer_scale,
    "LeakyReLU": _leaky_relu,
    "StochasticDepth": _stochastic_depth,
    "SyncBatchNormalization": _synchronized,
    "ThresholdedReLU": _thresholded_relu,
}
