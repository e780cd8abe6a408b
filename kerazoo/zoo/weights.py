"""Weights files: half precision, in a format that cannot run code, checked before they are read.

A file is safetensors: a JSON header and raw numbers, no code, every array's place checked against
the file's length. Arrays are named by the variable's path in the model, "conv_1/kernel".
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerazoo import atomic
from kerazoo.errors import WeightsError

if TYPE_CHECKING:
    import keras
    import numpy as np

_LARGEST_HALF = 65504.0


def save_weights(model: keras.Model, path: str | os.PathLike[str]) -> str:
    """Write the weights of `model` in half precision; returns the file's SHA-256.

    Raises:
        WeightsError: a weight is too large for half precision, or two share a name.
        RunError: the file cannot be written.
    """
    import numpy as np
    import safetensors.numpy

    arrays: dict[str, np.ndarray] = {}
    for variable in model.weights:
        array = variable.numpy()
        if variable.path in arrays:
            raise WeightsError(f"Two weights are named {variable.path!r}. Name their layers apart.")
        if np.issubdtype(array.dtype, np.floating):
            if not np.all(np.abs(array) <= _LARGEST_HALF):  # NaN fails this too
                raise WeightsError(f"{variable.path!r} has values that half precision cannot hold.")
            array = array.astype(np.float16)
        arrays[variable.path] = np.ascontiguousarray(array)
    content = safetensors.numpy.save(arrays)
    atomic.write_bytes(path, content)
    return hashlib.sha256(content).hexdigest()


def read_weights(path: str | os.PathLike[str], *, sha256: str | None = None) -> dict[str, Any]:
    """The arrays of a weights file, by variable path.

    Args:
        sha256: 64 hex digits that the file must have; None skips the check.

    Raises:
        WeightsError: the file is missing, not the published one, or damaged.
    """
    import safetensors
    import safetensors.numpy

    path = Path(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise WeightsError(f"Cannot read the weights {str(path)!r}: {error.strerror}.") from error
    if sha256 is not None and (found := hashlib.sha256(content).hexdigest()) != sha256:
        raise WeightsError(
            f"{path} is not the published weights file: SHA-256 {found[:16]}... where "
            f"{sha256[:16]}... is expected. It is damaged or was replaced: put back the file, or "
            f"reinstall the package that brings it."
        )
    try:
        return safetensors.numpy.load(content)
    except (safetensors.SafetensorError, ValueError, KeyError) as error:
        raise WeightsError(f"{path} is damaged or no safetensors file: {error}.") from error


def assign_weights(
    model: keras.Model, arrays: Mapping[str, Any], *, source: str, fresh: Collection[str] = ()
) -> list[str]:
    """Give `model` the arrays, all of them or, on any error, none.

    Args:
        arrays: by variable path, as `read_weights` returns them.
        source: what error messages call them.
        fresh: names of layers whose weights may stay as they are where shapes differ.

    Returns: paths of the weights that stayed as they are.

    Raises:
        WeightsError: an array is missing, left over, of another shape, or not finite.
    """
    variables = {variable.path: variable for variable in model.weights}
    missing, extra = sorted(variables.keys() - arrays.keys()), sorted(arrays.keys() - variables)
    if missing or extra:
        raise WeightsError(
            f"{source} does not fit the model {model.name!r}: "
            f"missing {missing[:3] or 'none'}, left over {extra[:3] or 'none'}."
        )
    misfits = [path for path, v in variables.items() if tuple(v.shape) != arrays[path].shape]
    for path in misfits:
        if path.split("/")[0] not in fresh:
            raise WeightsError(
                f"{source} does not fit the model {model.name!r}: {path!r} has shape "
                f"{arrays[path].shape} there and {tuple(variables[path].shape)} in the model. "
                f"Use weights=None for a fresh model."
            )
    _check_finite(variables, arrays, source)
    for path, variable in variables.items():
        if path not in misfits:
            variable.assign(arrays[path].astype(variable.dtype))
    return misfits


def assign_matching(model: keras.Model, arrays: Mapping[str, Any], *, source: str) -> list[str]:
    """Give `model` the arrays of every layer that has the same name and shapes there, as a whole.

    Args:
        arrays: by variable path, as `read_weights` returns them.
        source: what error messages call them.

    Returns: names of the layers that now have them; the others stay as they are.

    Raises:
        WeightsError: no layer has, or an array is not finite; the model is as it was.
    """
    layers: dict[str, list[keras.Variable]] = {}
    for variable in model.weights:
        layers.setdefault(variable.path.split("/")[0], []).append(variable)
    taken = {
        name: variables
        for name, variables in layers.items()
        if all(v.path in arrays and arrays[v.path].shape == tuple(v.shape) for v in variables)
    }
    if not taken:
        raise WeightsError(
            f"{source} has nothing for the model {model.name!r}: no layer of the same name and "
            f"shapes. Layers there: {', '.join(sorted({p.split('/')[0] for p in arrays})[:3])}."
        )
    _check_finite((v.path for variables in taken.values() for v in variables), arrays, source)
    for variables in taken.values():
        for variable in variables:
            variable.assign(arrays[variable.path].astype(variable.dtype))
    return list(taken)


def _check_finite(paths: Iterable[str], arrays: Mapping[str, Any], source: str) -> None:
    import numpy as np

    for path in paths:
        if not np.all(np.isfinite(arrays[path])):
            raise WeightsError(f"{source} is damaged: {path!r} has values that are not finite.")


def count_parameters(path: Path) -> int | None:
    """Number of weights in a file, from its header alone; None if the file cannot be read."""
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(min(length, 10_000_000)))
        return sum(
            math.prod(entry["shape"]) for key, entry in header.items() if key != "__metadata__"
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
