"""What goes into a Keras model and what comes out: names, shapes, dtypes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from kerazoo.errors import ExportError


@dataclass(frozen=True)
class Port:
    """One input: its name, its shape without the batch (None = any size), its dtype."""

    name: str
    shape: tuple[int | None, ...]
    dtype: str


@dataclass(frozen=True)
class Interface:
    """The inputs and the output names of a model, each in the order Keras flattens them."""

    inputs: tuple[Port, ...]
    outputs: tuple[str, ...]
    classes: int | None
    """Last dimension of the only output; None with several outputs."""


def describe(model: Any) -> Interface:
    """The interface of a built functional or Sequential model.

    Raises:
        ExportError: not a Keras model, not built, or without symbolic inputs.
    """
    import keras

    if not isinstance(model, keras.Model):
        raise ExportError(
            f"Expected a keras.Model or the name of a zoo model. Received: {model!r}."
        )
    try:
        tensors, outputs = model.inputs, keras.tree.flatten(_output_structure(model))
    except (AttributeError, ValueError):
        tensors = None
    if not tensors:
        raise ExportError(
            f"The model {model.name!r} has no symbolic inputs, so its file could not have fixed "
            "shapes. Wrap it: `x = keras.Input(shape); keras.Model(x, model(x))`."
        )
    inputs = tuple(
        Port(name, tuple(tensor.shape[1:]), str(tensor.dtype))
        for name, tensor in zip(_input_names(tensors), tensors, strict=True)
    )
    classes = outputs[0].shape[-1] if len(outputs) == 1 and len(outputs[0].shape) > 1 else None
    return Interface(inputs, _output_names(model, len(outputs)), classes)


def run_keras(model: Any, interface: Interface, samples: Mapping[str, np.ndarray]) -> dict:
    """Outputs of the model in inference mode by output name, `(samples, ...)`, float kept as is."""
    import keras

    rows = len(next(iter(samples.values())))
    pieces = []
    for start in range(0, rows, 32):
        batch = {name: values[start : start + 32] for name, values in samples.items()}
        outputs = keras.tree.flatten(call(model, interface, batch))
        pieces.append([keras.ops.convert_to_numpy(output) for output in outputs])
    columns = [np.concatenate(column) for column in zip(*pieces, strict=True)]
    return dict(zip(interface.outputs, columns, strict=True))


def call(model: Any, interface: Interface, samples: Mapping[str, Any]) -> Any:
    """Call the model in inference mode with inputs by name, packed as the model expects them."""
    return model(pack(model, [samples[port.name] for port in interface.inputs]), training=False)


def pack(model: Any, flat: list) -> Any:
    """One value per input, in the structure (single, list, dict) that the model was built for."""
    import keras

    if isinstance(model, keras.Sequential):  # has no `input` before its first call
        return flat[0]
    return keras.tree.pack_sequence_as(model.input, flat)


def _output_structure(model: Any) -> Any:
    import keras

    return model.outputs if isinstance(model, keras.Sequential) else model.output


def _input_names(tensors: list) -> list[str]:
    """Names given by the user; those Keras counted up differ from run to run and are replaced."""
    numbered = len(tensors) > 1
    names = []
    for index, tensor in enumerate(tensors):
        if re.fullmatch(r"keras_tensor(_\d+)?|input_layer(_\d+)?", tensor.name):
            names.append(f"input_{index}" if numbered else "input")
        else:
            names.append(_identifier(tensor.name))
    return _unique(names)


def _output_names(model: Any, count: int) -> tuple[str, ...]:
    """Keys of a dict of outputs, else names of the layers they come from."""
    import keras

    structure = _output_structure(model)
    if isinstance(structure, dict):
        paths = [path for path, _ in keras.tree.flatten_with_path(structure)]
        names = ["_".join(map(str, path)) for path in paths]
    elif isinstance(model, keras.Sequential):
        names = [model.layers[-1].name]
    else:
        names = getattr(model, "output_names", [])
    if len(names) != count:
        names = [f"output_{index}" for index in range(count)]
    return tuple(_unique([_identifier(name) for name in names]))


def _identifier(name: str) -> str:
    """Signatures become keyword arguments, so only letters, digits and underscores may stay."""
    return re.sub(r"\W", "_", name)


def _unique(names: list[str]) -> list[str]:
    if len(set(names)) == len(names):
        return names
    return [f"{name}_{index}" for index, name in enumerate(names)]
