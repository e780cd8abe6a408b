"""Random inputs, for checking a file when no data is at hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from kerazoo.exporters.calibration import Samples
from kerazoo.exporters.interface import Interface, Port

OPEN_SIZE = 16
"""Used where an input leaves a size open; any size shows whether the numbers agree."""


def random_samples(model: Any, interface: Interface, count: int) -> tuple[Samples, str]:
    """Random inputs of the range that the model seems to expect, and that range in words.

    Pixels 0..255 where the model begins by scaling them down, else a normal distribution; indices
    within the smallest embedding for integer inputs. The same on every call.
    """
    rng = np.random.default_rng(0)
    pixels = _scales_pixels_down(model)
    indices = _fewest_indices(model)
    values = {
        port.name: _draw(rng, port, count, pixels, indices).astype(port.dtype)
        for port in interface.inputs
    }
    return values, _words(interface.inputs, pixels, indices)


def _draw(
    rng: np.random.Generator, port: Port, count: int, pixels: bool, indices: int
) -> np.ndarray:
    shape = (count, *(OPEN_SIZE if size is None else size for size in port.shape))
    if port.dtype == "uint8":
        return rng.integers(0, 256, shape)
    if port.dtype.startswith("float"):
        return rng.integers(0, 256, shape) if pixels else rng.normal(size=shape)
    return rng.integers(0, 2 if port.dtype == "bool" else indices, shape)


def _words(inputs: Sequence[Port], pixels: bool, indices: int) -> str:
    kinds = {
        "pixels 0..255"
        if port.dtype == "uint8" or (pixels and port.dtype.startswith("float"))
        else "normal, mean 0, standard deviation 1"
        if port.dtype.startswith("float")
        else f"integers 0..{indices - 1}"
        for port in inputs
    }
    return "random inputs (" + "; ".join(sorted(kinds)) + ")"


def _scales_pixels_down(model: Any) -> bool:
    import keras

    return any(
        isinstance(layer, keras.layers.Rescaling) and np.max(np.abs(layer.scale)) <= 1 / 100
        for layer in model._flatten_layers()
    )


def _fewest_indices(model: Any) -> int:
    import keras

    sizes = [
        layer.input_dim
        for layer in model._flatten_layers()
        if isinstance(layer, keras.layers.Embedding)
    ]
    return min(sizes, default=2)
