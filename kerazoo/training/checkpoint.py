"""The whole state of a training run in one file that appears whole or not at all.

Model, optimizer (with the moving average of the weights) and random seeds are arrays; epoch and
history are text in the header. safetensors: no code in it, and a damaged file is noticed.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from kerazoo import atomic
from kerazoo.errors import RunError

if TYPE_CHECKING:
    import keras
    import numpy as np

History = dict[str, list[float]]


class Progress(msgspec.Struct):
    """How far a run has come: epochs done, and one value per epoch and name."""

    epoch: int = 0
    history: History = {}


def save(path: Path, model: keras.Model, progress: Progress) -> None:
    """Write the state of a compiled, built `model`. Raises `RunError` if that is not possible."""
    import safetensors.numpy

    content = safetensors.numpy.save(
        _arrays(model), metadata={"progress": json.dumps(msgspec.to_builtins(progress))}
    )
    atomic.write_bytes(path, content)


def restore(path: Path, model: keras.Model) -> Progress:
    """Put the saved state into `model`, compiled as the one that was saved.

    Raises:
        RunError: the file is damaged or belongs to another model.
    """
    model.optimizer.build(model.trainable_variables)
    arrays, progress = _read(path)
    variables = _variables(model)
    shapes = {name: tuple(variable.shape) for name, variable in variables.items()}
    if shapes != {name: array.shape for name, array in arrays.items()}:
        raise RunError(
            f"The checkpoint {str(path)!r} is of another model or optimizer. "
            f"Choose another output_dir, or start anew with resume=False."
        )
    for name, variable in variables.items():
        variable.assign(arrays[name])
    return progress


def read_progress(path: Path) -> Progress:
    """How far the run had come. Raises `RunError` if the file is damaged."""
    return _read(path)[1]


def _read(path: Path) -> tuple[dict[str, np.ndarray], Progress]:
    import safetensors
    import safetensors.numpy

    try:
        content = path.read_bytes()
        arrays = safetensors.numpy.load(content)
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
        progress = json.loads(header["__metadata__"]["progress"])
        return arrays, msgspec.convert(progress, Progress)
    except (OSError, ValueError, KeyError, safetensors.SafetensorError) as error:
        raise RunError(
            f"The checkpoint {str(path)!r} is damaged: {error}. "
            f"Remove it, or start anew with resume=False."
        ) from error


def save_values(path: Path, model: keras.Model) -> None:
    """Write the weights of `model` alone, exactly. Raises `RunError` if that is not possible."""
    import numpy as np
    import safetensors.numpy

    arrays = {v.path: np.asarray(v.numpy(), order="C") for v in model.weights}
    atomic.write_bytes(path, safetensors.numpy.save(arrays))


def _arrays(model: keras.Model) -> dict[str, np.ndarray]:
    import numpy as np

    return {name: np.asarray(v.numpy(), order="C") for name, v in _variables(model).items()}


def _variables(model: keras.Model) -> dict[str, Any]:
    """Everything that the next step depends on. Numbered: Keras counts up the names of layers and
    optimizers in a process, so that the same model's variables need not have the same paths."""
    sources = {"model": model.variables, "optimizer": model.optimizer.variables}
    return {
        f"{source}/{number:04d}": variable
        for source, variables in sources.items()
        for number, variable in enumerate(variables)
    }
