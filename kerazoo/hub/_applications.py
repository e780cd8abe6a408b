"""The networks of `keras.applications` as backbones, each with its own preprocessing inside."""

from __future__ import annotations

import inspect
import os
import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from kerazoo.datasets.source import offline
from kerazoo.errors import ConfigError, WeightsError
from kerazoo.notices import notice

if TYPE_CHECKING:
    import keras

_SIDES = {
    **dict.fromkeys(["InceptionV3", "InceptionResNetV2", "Xception"], 299),
    "NASNetLarge": 331,
    **{f"EfficientNetB{n}": s for n, s in enumerate((224, 240, 260, 300, 380, 456, 528, 600))},
    **{f"EfficientNetV2B{n}": s for n, s in enumerate((224, 240, 260, 300))},
    "EfficientNetV2S": 384,
    **dict.fromkeys(["EfficientNetV2M", "EfficientNetV2L"], 480),
}
"""Pixels per side that a network was made for, where that is not 224."""

_WITHOUT = (
    "Pass the path of Keras's file as `weights`, or None for a fresh network; 'efficientnet_lite0' "
    "comes with its weights."
)


def names() -> list[str]:
    """As Keras spells them: "MobileNetV2", "EfficientNetB0" and so on."""
    from keras import applications

    return [
        name
        for name, value in vars(applications).items()
        if inspect.isfunction(value) and name[0].isupper()
    ]


def build(
    name: str, weights: str | os.PathLike[str] | None, input_shape: tuple[int, ...] | None
) -> tuple[Any, Any]:
    """Input and last feature map of the network called `name`.

    Raises:
        ConfigError: it does not take images of that shape.
        WeightsError: the weights cannot be fetched, read, or do not fit.
    """
    import keras

    function = getattr(keras.applications, name)
    shape = input_shape or (native_side(name), native_side(name), 3)
    if shape[-1] != 3:
        raise ConfigError(f"{name} takes images of 3 channels. Received: input_shape={shape}.")
    inputs = keras.Input(shape, name="image")
    pixels = preprocessed(inputs, sys.modules[function.__module__].preprocess_input)
    arguments: dict[str, Any] = {"include_top": False, "input_tensor": pixels}
    try:
        if weights != "default":
            fresh = function(**arguments, weights=None)
            if weights is not None:
                _load(fresh, weights)
            return inputs, fresh.output
    except WeightsError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        raise ConfigError(f"{name} does not take images of shape {shape}: {reason}") from error
    return inputs, _with_imagenet_weights(name, function, arguments).output


def native_side(name: str) -> int:
    """Pixels per side that the network was made for."""
    return _SIDES.get(name, 224)


def preprocessed(pixels: Any, preprocess: Any) -> Any:
    """A network's own preprocessing as layers; `preprocess` is its `preprocess_input`.

    Each one is affine per channel, some exchange red and blue, some do nothing: which, it is asked
    on four pixels. So nothing of Keras's tables is written down a second time.
    """
    import keras

    def answer(pixel: list[float]) -> np.ndarray:
        return np.asarray(preprocess(np.array([[[pixel]]], "float32")), "float64").reshape(-1)

    offset = answer([0, 0, 0])
    columns = [answer([255.0 * (row == channel) for row in range(3)]) for channel in range(3)]
    matrix = (np.stack(columns) - offset) / 255
    order = np.abs(matrix).argmax(axis=0).tolist()
    scale = matrix[order, range(3)]
    if order == [2, 1, 0]:
        pixels = keras.ops.flip(pixels, axis=-1)
    if np.allclose(scale, 1, atol=1e-6) and np.allclose(offset, 0, atol=1e-6):
        return pixels
    layer = keras.layers.Rescaling(scale.tolist(), offset.tolist(), name="preprocess")
    return layer(pixels)


def _with_imagenet_weights(name: str, function: Any, arguments: dict[str, Any]) -> keras.Model:
    """Keras keeps the file, and shows what it loads from where."""
    if offline():
        raise WeightsError(
            f"KERAZOO_OFFLINE is set, and the ImageNet weights of {name} are a download. {_WITHOUT}"
        )
    notice(
        f"{name}: its ImageNet weights come from storage.googleapis.com the first time, and stay "
        f"in Keras's folder (~/.keras/models)."
    )
    try:
        return function(**arguments, weights="imagenet")
    except Exception as error:  # urllib's, Keras's and h5py's own kinds
        reason = " ".join(str(error).split())[:200]
        raise WeightsError(
            f"The ImageNet weights of {name} cannot be had: {reason}. {_WITHOUT}"
        ) from error


def _load(model: keras.Model, path: str | os.PathLike[str]) -> None:
    try:
        model.load_weights(path)
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        raise WeightsError(f"{os.fspath(path)!r} does not fit {model.name!r}: {reason}") from error
