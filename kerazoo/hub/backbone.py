"""`backbone`: a pretrained network without its head, from whatever source knows its name."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerazoo.errors import ConfigError, UnknownNameError, nearest, unknown_name
from kerazoo.hub import _applications, _keras_hub
from kerazoo.zoo.build import HEAD, build_with_weights
from kerazoo.zoo.catalogue import find_config, list_models

if TYPE_CHECKING:
    from kerazoo.hub.backbone_model import Backbone


def backbone(
    name_or_handle: str | os.PathLike[str],
    *,
    weights: str | os.PathLike[str] | None = "default",
    trainable: bool = False,
    input_shape: Sequence[int] | None = None,
) -> Backbone:
    """A network that turns raw pixels into features; its own preprocessing is inside.

    Args:
        name_or_handle: an image classifier of the zoo ("efficientnet_lite0", whose ImageNet weights
            are bundled), a network of `keras.applications` ("MobileNetV2"; case and underscores do
            not count), a preset of KerasHub where that is installed ("resnet_50_imagenet", or a
            folder), or a SavedModel: a folder, an archive, or a handle of tfhub.dev or Kaggle.
        weights: "default", the published ones; None, fresh ones; a path of a weights file (zoo and
            `keras.applications`).
        trainable: False freezes all layers, BatchNormalization then uses its moving averages.
        input_shape: (height, width, 3); the size that the network was made for if None. A
            SavedModel has to be told.

    Returns: a functional Keras model, `(batch, height, width, 3)` pixels 0..255 to the last feature
        map; `features()` makes one that shows the maps at strides 2, 4, 8, 16 and 32.

    Raises:
        UnknownNameError: nobody knows the name; the message has the nearest ones.
        ConfigError: the network does not take images of that shape.
        WeightsError: the weights are missing, damaged, or cannot be fetched.

    >>> import kerazoo
    >>> backbone = kerazoo.hub.backbone("efficientnet_lite0", input_shape=(96, 96, 3))
    >>> backbone.output_shape
    (None, 3, 3, 1280)
    >>> list(backbone.features().output)
    ['stride_2', 'stride_4', 'stride_8', 'stride_16', 'stride_32']
    """
    from kerazoo.hub.backbone_model import Backbone

    shape = None if input_shape is None else _checked(input_shape)
    name = os.fspath(name_or_handle)
    applications = {_key(known): known for known in _applications.names()}
    inputs: Any
    if name in list_models():
        inputs, outputs = _from_zoo(name, weights, shape)
    elif _key(name) in applications:
        inputs, outputs = _applications.build(applications[_key(name)], weights, shape)
    elif _keras_hub.is_preset(name):
        inputs, outputs = _keras_hub.build(name, weights, shape)
    elif _is_handle(name):
        inputs, outputs = _from_saved_model(name, weights, trainable, shape)
    elif name in (presets := _keras_hub.names()):
        inputs, outputs = _keras_hub.build(name, weights, shape)
    else:
        raise _unknown(name, [*list_models(), *applications.values(), *presets])
    model = Backbone(inputs, outputs, name=_layer_name(name))
    model.trainable = trainable
    return model


def native_side(name: str) -> int | None:
    """Pixels per side that a network of `keras.applications` was made for; None for others."""
    applications = {_key(known): known for known in _applications.names()}
    known = applications.get(_key(name))
    return None if known is None else _applications.native_side(known)


def _unknown(name: str, known: list[str]) -> UnknownNameError:
    """With the nearest of the known names, as they are spelled, whatever case `name` has."""
    spelled = {_key(one): one for one in known}
    close = [spelled[key] for key in nearest(_key(name), spelled)]
    if not close:
        return unknown_name("backbone", name, known)
    hint = " or ".join(map(repr, close))
    return UnknownNameError(f"Unknown backbone {name!r}. Did you mean {hint}?")


def _from_zoo(name: str, weights: Any, shape: tuple[int, ...] | None) -> tuple[Any, Any]:
    config = find_config(name)
    overrides = {} if shape is None else {"input_shape": shape}
    model = build_with_weights(config, weights, **overrides)
    maps = [
        layer.output
        for layer in model.layers
        if len(layer.output.shape) == 4 and layer.output is not model.input
    ]
    if not maps or HEAD not in [layer.name for layer in model.layers]:
        raise ConfigError(f"{name!r} is no backbone: it classifies no images with feature maps.")
    return model.input, maps[-1]


def _from_saved_model(
    handle: str, weights: Any, trainable: bool, shape: tuple[int, ...] | None
) -> tuple[Any, Any]:
    """SavedModels for images take 0..1 by TensorFlow Hub's convention."""
    import keras

    from kerazoo.hub.hub_layer import HubLayer

    if weights != "default":
        raise ConfigError(f"A SavedModel comes with its `weights`. Received: {weights!r}.")
    if shape is None:
        raise ConfigError(
            f"{handle!r}: a SavedModel does not tell the size it was made for. Pass `input_shape`, "
            f"such as (224, 224, 3)."
        )
    inputs = keras.Input(shape, name="image")
    scaled = keras.layers.Rescaling(1 / 255, name="scale")(inputs)
    return inputs, HubLayer(handle, trainable=trainable, name="saved_model")(scaled)


def _is_handle(name: str) -> bool:
    return (
        "/" in name or os.sep in name or name.endswith((".tar.gz", ".tgz")) or Path(name).is_dir()
    )


def _checked(shape: Sequence[int]) -> tuple[int, ...]:
    if len(shape) != 3 or any(not isinstance(n, int) or n < 1 for n in shape):
        raise ConfigError(
            f"`input_shape` must be (height, width, channels), 1 or above. Received: {shape!r}."
        )
    return tuple(shape)


def _key(name: str) -> str:
    """Case, dashes and underscores do not tell networks apart."""
    return re.sub(r"[-_]", "", name).lower()


def _layer_name(name: str) -> str:
    """A handle's last words as Keras allows them in a name."""
    return re.sub(r"[^A-Za-z0-9_.-]", "_", name.rstrip("/\\").split("/")[-1]) or "backbone"
