"""`predict`: a model's answer in words, for files, texts or arrays."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from kerazoo.errors import DataError
from kerazoo.tasks import Prediction, Task, find_task, save_pictures
from kerazoo.zoo.build import open_model
from kerazoo.zoo.catalogue import find_config, list_models

if TYPE_CHECKING:
    import keras
    import numpy as np

    from kerazoo.datasets import Dataset


def predict(
    model_or_name: keras.Model | str | os.PathLike[str],
    inputs: np.ndarray | str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    *,
    top: int = 5,
    invert: bool = False,
    pictures: str | os.PathLike[str] | None = None,
) -> list[Prediction]:
    """What a model says to each sample, labels by name where its dataset has names.

    Args:
        model_or_name: a zoo model's name (with its published weights), a `.keras` file, or any
            Keras model with one `(batch, n)` output.
        inputs: an array of raw samples `(batch, ...)`, or one or several paths of .npy arrays
            (one sample or a batch each) or of what the model is for: image files, .wav files; for
            a model of texts, the texts themselves.
        top: how many labels to name, 1 or more.
        invert: exchange light and dark in image files.
        pictures: a folder, into which each sample is drawn with its answer.

    Raises:
        UnknownNameError: no such model.
        MissingDependencyError: `pictures` without matplotlib (extra "plot").
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
    task, data = task_and_data(model.name)
    if data is not None:
        model = task.deployed(model, data)
    samples, sources = _samples(inputs, _reader(model, data, invert))
    outputs = np.asarray(model.predict(samples, verbose=0))
    if pictures is not None:
        save_pictures(task, samples, outputs, sources, data, pictures, model)
    return [
        task.prediction(source, output, data, top)
        for source, output in zip(sources, outputs, strict=True)
    ]


def task_and_data(name: str | None) -> tuple[Task, Dataset | None]:
    """What the model of this name is for, and its dataset; for one that is not in the zoo scores or
    values, and None."""
    from kerazoo import datasets

    if name not in list_models():
        return Task(), None
    config = find_config(name)
    return find_task(config.task), datasets.info(config.data.dataset)


def _samples(inputs: Any, read: Callable[[Any], np.ndarray]) -> tuple[np.ndarray, list[str]]:
    """All samples as one batch, and what to call each."""
    import numpy as np

    if isinstance(inputs, np.ndarray):
        batch = read(inputs)
        return batch, [str(number) for number in range(len(batch))]
    paths = [inputs] if isinstance(inputs, (str, os.PathLike)) else list(inputs)
    if not paths:
        raise DataError("No samples were given: pass an array, files or texts.")
    batches, sources = [], []
    for path in paths:
        batch = read(path)
        batches.append(batch)
        many = len(batch) > 1
        sources += [f"{path}[{row}]" if many else str(path) for row in range(len(batch))]
    if len({batch.shape[1:] for batch in batches}) > 1:
        raise DataError("The samples differ in size. Predict them one by one.")
    return np.concatenate(batches), sources


def _reader(model: keras.Model, data: Dataset | None, invert: bool) -> Callable[[Any], np.ndarray]:
    """A function from an array, a path or a text to a batch of what the model takes."""
    import numpy as np

    from kerazoo.datasets.images import read_array, read_image

    shape = tuple(model.input_shape[1:])

    def read(given: Any) -> np.ndarray:
        if isinstance(given, np.ndarray):
            return _as_batch(given, shape, "the array")
        if str(given).endswith(".npy"):
            return _as_batch(read_array(given), shape, str(given))
        if data is not None and data.parse is not None:
            return _as_batch(data.parse(str(given)), shape, repr(str(given)))
        return read_image(given, shape, invert=invert)[None]

    return read


def _as_batch(array: np.ndarray, shape: tuple[int, ...], source: str) -> np.ndarray:
    import numpy as np

    from kerazoo.datasets.arrays import is_one_of

    if array.dtype.kind not in "biuf":
        raise DataError(f"{source}: numbers are expected. Received: dtype {array.dtype}.")
    if is_one_of(array.shape, shape):
        array = array[None]
    if not is_one_of(array.shape[1:], shape) or not len(array):
        raise DataError(
            f"{source}: samples of shape {shape} are expected. Received: {array.shape}."
        )
    if not np.all(np.isfinite(array)):
        raise DataError(f"{source}: has values that are not finite.")
    return array
