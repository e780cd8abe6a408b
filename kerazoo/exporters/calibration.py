"""Sample data for calibration and checks: told apart, checked, and cut to size."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

import numpy as np

from kerazoo.errors import DataError
from kerazoo.exporters.exact_cast import exact_cast
from kerazoo.exporters.interface import Port

Samples = dict[str, np.ndarray]
"""Input name -> array of `(samples, ...)` in the dtype of that input."""

CALIBRATION_SAMPLES = 300
"""Ranges of activations settle within a few hundred samples; more only cost time."""


def collect(data: Any, inputs: Sequence[Port], *, most: int) -> Samples:
    """Sample data in any common form as one array per input, at most about `most` rows of it.

    Args:
        data: one numpy array `(samples, ...)` for a single input; a tuple or list with one array
            per input, or a dict by input name, for several; a tf.data.Dataset of batches, with or
            without labels; or any iterable of batches of these forms.
        inputs: the inputs of the model.
        most: 1 or above. Arrays are thinned evenly over their whole length, since they are often
            sorted by class; a stream is read until it has given as many.

    Raises:
        DataError: wrong shape or number of inputs, empty, not numeric, NaN or infinite, or values
            that the dtype of an input does not have.
    """
    if data is None or isinstance(data, str | bytes | int | float):
        raise DataError(f"`calibration` must hold arrays of samples. Received: {data!r}.")
    if isinstance(data, Mapping) or _is_array(data) or _is_one_array_per_input(data, inputs):
        return _thin(_named(data, inputs), most)
    if not isinstance(data, Iterable):
        raise DataError(
            "`calibration` must be an array, a tuple or dict of arrays, a tf.data.Dataset or an "
            f"iterable of batches. Received: {type(data).__name__}."
        )
    return _from_batches(data, inputs, most)


def split(samples: Samples, *, first: int) -> tuple[Samples, Samples]:
    """`first` rows spread evenly over all of them, and the rows that are left."""
    rows = _rows(samples)
    chosen = np.zeros(rows, bool)
    chosen[_spread(rows, first)] = True
    return (
        {name: values[chosen] for name, values in samples.items()},
        {name: values[~chosen] for name, values in samples.items()},
    )


def take(samples: Samples, count: int) -> Samples:
    """At most `count` rows, spread evenly."""
    return _thin(samples, count)


def join(parts: Sequence[Samples]) -> Samples:
    """The rows of all parts, one after the other."""
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _from_batches(data: Iterable, inputs: Sequence[Port], most: int) -> Samples:
    batches, rows = [], 0
    for element in islice(data, most):  # batches of one at the least: never an endless stream
        batches.append(_named(_without_labels(element, inputs), inputs))
        rows += _rows(batches[-1])
        if rows >= most:
            break
    if not batches:
        raise DataError("`calibration` is empty: it gave no batch at all.")
    try:
        return _thin(join(batches), most)
    except ValueError as error:
        raise DataError(f"`calibration` holds batches of different shapes: {error}.") from error


def _without_labels(element: Any, inputs: Sequence[Port]) -> Any:
    """x of (x,), (x, y) or (x, y, sample_weight), the forms that `fit` knows."""
    if not isinstance(element, tuple) or not element:
        return element
    if len(inputs) > 1 and len(element) == len(inputs) and all(map(_is_array, element)):
        return element
    return element[0]


def _named(data: Any, inputs: Sequence[Port]) -> Samples:
    expected = [port.name for port in inputs]
    if isinstance(data, Mapping):
        if set(data) != set(expected):
            raise DataError(
                f"`calibration` must have the model's inputs {expected}. Received: {list(data)}."
            )
        arrays = [data[name] for name in expected]
    else:
        arrays = list(data) if isinstance(data, tuple | list) else [data]
        if len(arrays) != len(expected):
            raise DataError(
                f"`calibration` must hold one array for each of the {len(expected)} inputs "
                f"{expected}. Received: {len(arrays)}."
            )
    checked = {port.name: _checked(array, port) for port, array in zip(inputs, arrays, strict=True)}
    lengths = {name: len(array) for name, array in checked.items()}
    if len(set(lengths.values())) > 1:
        raise DataError(f"`calibration` has inputs of different lengths: {lengths}.")
    return checked


def _checked(array: Any, port: Port) -> np.ndarray:
    try:
        values = np.asarray(array)
    except ValueError as error:  # ragged nested lists
        raise DataError(f"`calibration` for {port.name!r} is no regular array: {error}.") from error
    wanted = "(samples, " + ", ".join("any" if d is None else str(d) for d in port.shape) + ")"
    if values.dtype.kind not in "biuf" and values.dtype.name != "bfloat16":
        raise DataError(
            f"`calibration` for {port.name!r} must be numbers. Received: dtype {values.dtype}."
        )
    fits = values.ndim == len(port.shape) + 1 and all(
        size is None or size == got for size, got in zip(port.shape, values.shape[1:], strict=True)
    )
    if not fits:
        raise DataError(
            f"`calibration` for {port.name!r} must have the shape {wanted}. "
            f"Received: {values.shape}."
        )
    if len(values) == 0:
        raise DataError(f"`calibration` for {port.name!r} is empty. Received: {values.shape}.")
    if values.dtype.kind not in "biu" and not np.isfinite(values.astype("float32")).all():
        raise DataError(f"`calibration` for {port.name!r} holds NaN or infinite values.")
    return exact_cast(values, port.dtype, what=f"`calibration` for {port.name!r}")


def _is_array(value: Any) -> bool:
    """Arrays and tensors; not lists, which may hold batches."""
    return hasattr(value, "shape") and hasattr(value, "__array__")


def _is_one_array_per_input(data: Any, inputs: Sequence[Port]) -> bool:
    if isinstance(data, tuple):
        return True
    return (
        isinstance(data, list)
        and len(inputs) > 1
        and len(data) == len(inputs)
        and all(map(_is_array, data))
    )


def _rows(samples: Samples) -> int:
    return len(next(iter(samples.values())))


def _spread(rows: int, count: int) -> np.ndarray:
    return np.unique(np.linspace(0, rows - 1, min(count, rows)).round().astype(int))


def _thin(samples: Samples, most: int) -> Samples:
    rows = _spread(_rows(samples), most)
    return {name: values[rows] for name, values in samples.items()}
