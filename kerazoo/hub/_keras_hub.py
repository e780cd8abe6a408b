"""Image backbones of KerasHub, where it is installed, with the scaling of their presets inside."""

from __future__ import annotations

import importlib.util
import inspect
from pathlib import Path
from typing import Any

from kerazoo.datasets.source import offline
from kerazoo.errors import ConfigError, WeightsError

_PREFIXES = ("kaggle://", "hf://", "modelscope://")


def names() -> list[str]:
    """The presets of all backbones; none where KerasHub is not installed. Imports it."""
    if importlib.util.find_spec("keras_hub") is None:
        return []
    import keras_hub

    base = keras_hub.models.Backbone
    classes: list[Any] = [c for c in vars(keras_hub.models).values() if inspect.isclass(c)]
    return [name for c in classes if issubclass(c, base) and c is not base for name in c.presets]


def is_preset(name: str) -> bool:
    """Whether it is written as only KerasHub's presets are; says nothing of plain names."""
    folder = Path(name)
    is_folder = (folder / "config.json").is_file() and not (folder / "saved_model.pb").is_file()
    return name.startswith(_PREFIXES) or is_folder


def build(preset: str, weights: Any, input_shape: tuple[int, ...] | None) -> tuple[Any, Any]:
    """Input and last feature map of a preset's backbone.

    Raises:
        ConfigError: KerasHub is not installed, or it is no network for images.
        WeightsError: the preset cannot be read or fetched.
    """
    if weights not in ("default", None):
        raise ConfigError(
            f"`weights` of a KerasHub preset are 'default' or None. Received: {weights!r}."
        )
    if offline() and not Path(preset).is_dir():
        raise WeightsError(
            f"KERAZOO_OFFLINE is set, and the preset {preset!r} is a download. Pass the folder of "
            f"one that was saved by save_to_preset()."
        )
    import keras
    import keras_hub

    shape = {} if input_shape is None else {"image_shape": tuple(input_shape)}
    try:
        network = keras_hub.models.Backbone.from_preset(
            preset, load_weights=weights == "default", **shape
        )
    except Exception as error:  # each of its sources raises its own kinds
        reason = " ".join(str(error).split())[:200]
        raise WeightsError(f"The KerasHub preset {preset!r} cannot be had: {reason}") from error
    if not isinstance(network.input, keras.KerasTensor) or len(network.input.shape) != 4:
        raise ConfigError(f"{preset!r} does not take images: its input is {network.input}.")
    inputs = keras.Input(network.input.shape[1:], name="image")
    # `call`, not a call: a model within a model would not show its feature maps.
    return inputs, network.call(_scaled(inputs, preset))


def _scaled(pixels: Any, preset: str) -> Any:
    """As the preset's image converter does it; where it has none, networks take 0..255."""
    import keras
    import keras_hub

    try:
        converter = keras_hub.layers.ImageConverter.from_preset(preset)
    except Exception:  # KerasHub: a preset without preprocessing is a ValueError, or a missing file
        return keras.layers.Rescaling(1.0, name="preprocess")(pixels)
    scale, offset = (
        fallback if value is None else value
        for value, fallback in ((converter.scale, 1.0), (converter.offset, 0.0))
    )
    return keras.layers.Rescaling(scale, offset, name="preprocess")(pixels)
