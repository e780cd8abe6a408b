"""`predict`: a model's answer in words, for files or arrays."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from kerazoo.errors import DataError
from kerazoo.zoo.build import open_model
from kerazoo.zoo.catalogue import find_config, list_models

if TYPE_CHECKING:
    import keras
    import numpy as np


class Prediction(msgspec.Struct, frozen=True):
    """A model's answer to one sample.

    Attributes:
        source: the file, or the row's number in an array.
        scores: label -> probability, the likeliest first; empty for regression.
        values: the raw outputs: logits, or a regression's values in the target's unit.
    """

    source: str
    scores: dict[str, float]
    values: list[float]

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        return msgspec.to_builtins(self)


def predict(
    model_or_name: keras.Model | str | os.PathLike[str],
    inputs: np.ndarray | str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    *,
    top: int = 5,
    invert: bool = False,
) -> list[Prediction]:
    """What a model says to each sample, labels by name where its dataset has names.

    Args:
        model_or_name: a zoo model's name (with its published weights), a `.keras` file, or any
            Keras model with one `(batch, n)` output.
        inputs: an array of raw samples `(batch, ...)`, or one or several paths of image files or
            .npy arrays; a .npy file may hold one sample or a batch.
        top: how many labels to name, 1 or more.
        invert: exchange light and dark in image files.

    Raises:
        UnknownNameError: no such model.
        DataError: a file cannot be read, or its array does not fit the model.

    >>> import kerazoo
    >>> images, labels = kerazoo.datasets.load_numpy("digits", "test")
    >>> next(iter(kerazoo.predict("mnist_cnn", images[:1])[0].scores))
    '0'
    """
    import numpy as np

    model = (
        open_model(model_or_name) if isinstance(model_or_name, str | os.PathLike) else model_or_name
    )
    shape = tuple(model.input_shape[1:])
    samples, sources = _samples(inputs, shape, invert)
    outputs = np.asarray(model.predict(samples, verbose=0))
    labels = _labels(model, outputs.shape[-1])
    return [
        Prediction(source, _scores(row, labels, top), [float(value) for value in row])
        for source, row in zip(sources, outputs, strict=True)
    ]


def _samples(inputs: Any, shape: tuple[int, ...], invert: bool) -> tuple[np.ndarray, list[str]]:
    """All samples as one batch, and what to call each."""
    import numpy as np

    if isinstance(inputs, np.ndarray):
        batch = _as_batch(inputs, shape, "the array")
        return batch, [str(number) for number in range(len(batch))]
    paths = [inputs] if isinstance(inputs, (str, os.PathLike)) else list(inputs)
    if not paths:
        raise DataError("No samples were given: pass an array, image files or .npy files.")
    batches, sources = [], []
    for path in paths:
        batch = _read(Path(path), shape, invert)
        batches.append(batch)
        many = len(batch) > 1
        sources += [f"{path}[{row}]" if many else str(path) for row in range(len(batch))]
    return np.concatenate(batches), sources


def _read(path: Path, shape: tuple[int, ...], invert: bool) -> np.ndarray:
    from kerazoo.datasets.images import read_array, read_image

    if path.suffix == ".npy":
        return _as_batch(read_array(path), shape, str(path))
    return read_image(path, shape, invert=invert)[None]


def _as_batch(array: np.ndarray, shape: tuple[int, ...], source: str) -> np.ndarray:
    import numpy as np

    if array.dtype.kind not in "biuf":
        raise DataError(f"{source}: numbers are expected. Received: dtype {array.dtype}.")
    if array.shape == shape:
        array = array[None]
    if array.shape[1:] != shape or not len(array):
        raise DataError(
            f"{source}: samples of shape {shape} are expected. Received: {array.shape}."
        )
    if not np.all(np.isfinite(array)):
        raise DataError(f"{source}: has values that are not finite.")
    return array


def _labels(model: keras.Model, width: int) -> list[str] | None:
    """The class names of a zoo model's dataset; numbers after another head; None in regression."""
    from kerazoo import datasets

    if model.name not in list_models():
        return [str(number) for number in range(width)] if width > 1 else None
    names = datasets.info(find_config(model.name).data.dataset).class_names
    if names is None:
        return None
    return list(names) if len(names) == width else [str(number) for number in range(width)]


def _scores(row: np.ndarray, labels: list[str] | None, top: int) -> dict[str, float]:
    import numpy as np

    if labels is None:
        return {}
    if not is_distribution(row):  # logits
        row = np.exp(row - row.max())
        row = row / row.sum()
    best = np.argsort(-row, kind="stable")[:top]
    return {labels[number]: float(row[number]) for number in best}


def is_distribution(outputs: np.ndarray) -> bool:
    """Whether all rows are probabilities already, and not logits: none negative, the sum is 1."""
    import numpy as np

    return bool(np.all(outputs >= 0) and np.all(np.abs(outputs.sum(axis=-1) - 1) < 1e-2))
