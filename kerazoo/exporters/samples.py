"""Random inputs, for checking a file when no data is at hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from kerazoo.exporters.calibration import Samples
from kerazoo.exporters.interface import Interface, Port

OPEN_SIZE = 16
"""Used where an input leaves a size open; any size shows whether the numbers agree."""

Range = tuple[int | None, str]
"""What whole numbers from 0 on stay below, None for a normal distribution; and that in words."""

_SAME_VALUES = {"Cast", "Reshape", "Flatten", "Identity", "Squeeze", "ExpandDims"}
"""Operations behind which indices are still indices."""

PIXELS: Range = 256, "pixels 0..255"
NORMAL: Range = None, "normal, mean 0, standard deviation 1"


def random_samples(model: Any, interface: Interface, count: int) -> tuple[Samples, str]:
    """Random inputs of the range that the model seems to expect, and that range in words.

    Pixels 0..255 where the model begins by scaling them down, else a normal distribution; indices
    within the smallest embedding for integer inputs, and for float ones where no input is of
    integers: an embedding reads them, then. The same on every call.
    """
    rng = np.random.default_rng(0)
    ranges = _ranges(model, interface.inputs)
    values = {
        port.name: _draw(rng, port, count, end).astype(port.dtype)
        for port, (end, _) in zip(interface.inputs, ranges, strict=True)
    }
    return values, "random inputs (" + "; ".join(sorted({words for _, words in ranges})) + ")"


def _ranges(model: Any, inputs: Sequence[Port]) -> list[Range]:
    indices = _below(_fewest_indices(model) or 2)
    read_as_floats = _fewest_indices(model, are_inputs=True)
    if _scales_pixels_down(model):
        floats = PIXELS
    elif read_as_floats and all(map(_is_float, inputs)):
        floats = _below(read_as_floats)
    else:
        floats = NORMAL
    special = {"uint8": PIXELS, "bool": _below(2)}
    return [floats if _is_float(port) else special.get(port.dtype, indices) for port in inputs]


def _below(end: int) -> Range:
    return end, f"integers 0..{end - 1}"


def _draw(rng: np.random.Generator, port: Port, count: int, end: int | None) -> np.ndarray:
    shape = (count, *(OPEN_SIZE if size is None else size for size in port.shape))
    return rng.normal(size=shape) if end is None else rng.integers(0, end, shape)


def _is_float(port: Port) -> bool:
    return port.dtype.startswith("float")


def _scales_pixels_down(model: Any) -> bool:
    import keras

    return any(
        isinstance(layer, keras.layers.Rescaling) and np.max(np.abs(layer.scale)) <= 1 / 100
        for layer in model._flatten_layers()
    )


def _fewest_indices(model: Any, *, are_inputs: bool = False) -> int | None:
    """Of the smallest embedding; None where there is none. `are_inputs`: of those that read what
    comes in, and not, say, positions."""
    import keras

    sizes = [
        _unwrapped(layer).input_dim
        for layer in model._flatten_layers()
        if isinstance(_unwrapped(layer), keras.layers.Embedding)
        and (not are_inputs or _reads_an_input(layer))
    ]
    return min(sizes, default=None)


def _unwrapped(layer: Any) -> Any:
    """The layer in its wrappers, as of quantized, pruned and time-distributed ones."""
    import keras

    while isinstance(layer, keras.layers.Wrapper):
        layer = layer.layer
    return layer


def _reads_an_input(layer: Any) -> bool:
    import keras

    tensors = [tensor for node in layer._inbound_nodes for tensor in node.input_tensors]
    while tensors:
        operation = tensors.pop()._keras_history.operation
        if isinstance(operation, keras.layers.InputLayer):
            return True
        if type(operation).__name__ in _SAME_VALUES:
            tensors += operation.input if isinstance(operation.input, list) else [operation.input]
    return False
