"""Sample data with or without targets, as arrays."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import keras
import numpy as np

from kerazoo.compress._samples import MOST, collect_samples, spread
from kerazoo.errors import DataError


def labelled_samples(
    data: Any, model: keras.Model, *, most: int = MOST
) -> tuple[list[np.ndarray], np.ndarray | None]:
    """The arrays of the model's inputs, and the targets if there are any.

    Args:
        data: a tuple is (x,) or (x, y), with x an array, or a list or dict of them; an array, list
            of arrays or dict is x alone; anything else is an iterable of batches, of which tuples
            are (x, y) or (x, y, sample_weight).
        model: functional.

    Raises: DataError if it is empty or does not fit the inputs, or targets are of another length.
    """
    if isinstance(data, tuple):
        inputs, targets = data[0], data[1] if len(data) > 1 else None
        samples = collect_samples(inputs, model, most=most)
        length = _length(inputs)
        targets = _checked(targets, length)
        return samples, None if targets is None else targets[spread(length, most)]
    if not _is_batches(data):
        return collect_samples(data, model, most=most), None
    batches: list[Any] = []
    for batch in data:
        batches.append(batch)
        if sum(_length(_inputs(batch)) for batch in batches) >= most:
            break
    samples = collect_samples(batches, model, most=most)
    if not all(isinstance(batch, tuple) and len(batch) > 1 for batch in batches):
        return samples, None
    targets = np.concatenate([np.asarray(batch[1]) for batch in batches])
    return samples, targets[: len(samples[0])]


def _is_batches(data: Any) -> bool:
    if isinstance(data, list):
        return bool(data) and isinstance(data[0], tuple)
    is_whole = hasattr(data, "shape") or isinstance(data, dict | str)
    return isinstance(data, Iterable) and not is_whole


def _inputs(batch: Any) -> Any:
    return batch[0] if isinstance(batch, tuple) else batch


def _length(inputs: Any) -> int:
    return len(keras.tree.flatten(inputs)[0])


def _checked(targets: Any, length: int) -> np.ndarray | None:
    if targets is None:
        return None
    targets = np.asarray(targets)
    if len(targets) != length:
        raise DataError(f"There are {length} inputs and {len(targets)} targets.")
    return targets
