"""Sample data in any of its usual forms, as one array per input of a model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from kerazoo.errors import DataError

MOST = 2048
"""Samples that are kept; more would only cost memory."""


def collect_samples(data: Any, model: keras.Model, *, most: int = MOST) -> list[np.ndarray]:
    """The arrays `(samples, ...)` of the model's inputs, in their order: at most `most` samples.

    Of arrays they are spread evenly, since arrays are often sorted by class; of batches they are
    the first ones.

    Args:
        data: one array for a single input; a list, or a dict by input name, for several; or an
            iterable of batches (a tf.data.Dataset), with or without labels: (x,), (x, y) or
            (x, y, sample_weight).
        model: functional.

    Raises: DataError if it is empty, no numbers, or does not fit the inputs.
    """
    if _is_whole(data, model):
        arrays = _checked(_arrays(data, model), model)
        rows = spread(len(arrays[0]), most)
        return [array[rows] for array in arrays]
    if not isinstance(data, Iterable) or isinstance(data, str | bytes):
        raise DataError(
            f"`data` must be arrays of samples, or batches of them. Received: {data!r}."
        )
    batches: list[list[np.ndarray]] = []
    for batch in data:
        arrays = _arrays(batch[0] if isinstance(batch, tuple) else batch, model)
        batches.append(_checked(arrays, model))
        if sum(len(arrays[0]) for arrays in batches) >= most:
            break
    if not batches:
        raise DataError("`data` is empty: it gave no batch at all.")
    return [
        _joined(x, parts)[:most]
        for x, parts in zip(model.inputs, zip(*batches, strict=True), strict=True)
    ]


def spread(rows: int, most: int) -> np.ndarray | slice:
    """Which of so many rows are taken: `most` of them, spread evenly, or all there are."""
    if rows <= most:
        return slice(None)
    return np.linspace(0, rows - 1, most).round().astype(int)


def as_inputs(model: keras.Model, arrays: list[np.ndarray]) -> Any:
    """One array for each input in the structure (one, list, dict) that `model` is called with."""
    function = getattr(model, "_functional", None) or model  # of a Sequential
    return keras.tree.pack_sequence_as(function._inputs_struct, arrays)


def _is_whole(data: Any, model: keras.Model) -> bool:
    """Whether `data` is all the samples, not an iterable of batches."""
    is_list = isinstance(data, list | tuple) and len(data) == len(model.inputs)
    return isinstance(data, Mapping) or _is_array(data) or (is_list and all(map(_is_array, data)))


def _is_array(data: Any) -> bool:
    return hasattr(data, "shape") and hasattr(data, "__array__")


def _arrays(data: Any, model: keras.Model) -> list[np.ndarray]:
    names = [x._keras_history.operation.name for x in model.inputs]
    if isinstance(data, Mapping):
        if set(data) != set(names):
            raise DataError(f"`data` must have the inputs {names}. Received: {sorted(data)}.")
        data = [data[name] for name in names]
    values = list(data) if isinstance(data, list | tuple) else [data]
    if len(values) != len(names):
        raise DataError(
            f"`data` must hold an array for each of the inputs {names}. Received: {len(values)}."
        )
    return [np.asarray(value) for value in values]


def _joined(x: keras.KerasTensor, parts: Sequence[np.ndarray]) -> np.ndarray:
    shapes = {part.shape[1:] for part in parts}
    if len(shapes) > 1:
        raise DataError(
            f"Batches of `data` for {x._keras_history.operation.name!r} must all have one shape. "
            f"Received: {sorted(shapes)}. Pad them."
        )
    return np.concatenate(parts)


def _checked(arrays: list[np.ndarray], model: keras.Model) -> list[np.ndarray]:
    for array, x in zip(arrays, model.inputs, strict=True):
        name, shape = x._keras_history.operation.name, tuple(x.shape)
        fits = array.ndim == len(shape) and all(
            size is None or size == got
            for size, got in zip(shape[1:], array.shape[1:], strict=True)
        )
        if not fits:
            raise DataError(
                f"`data` for {name!r} must have the shape {('samples', *shape[1:])}. "
                f"Received: {array.shape}."
            )
        if not len(array) or len(array) != len(arrays[0]):
            raise DataError(
                f"`data` must hold as many samples, at least one, for each input. Received: "
                f"{[len(other) for other in arrays]}."
            )
        if array.dtype.kind in "OSUM":
            raise DataError(f"`data` for {name!r} must be numbers. Received: {array.dtype}.")
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise DataError(f"`data` for {name!r} holds NaN or infinite values.")
    return arrays
