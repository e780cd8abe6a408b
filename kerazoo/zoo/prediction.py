"""`predict`: a model's answer in words, for files, texts or arrays."""

from __future__ import annotations

import copy
import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from kerazoo.argument_checks import check_integer
from kerazoo.errors import ConfigError, DataError
from kerazoo.labels_file import labels_beside
from kerazoo.tasks import Prediction, Task, find_task, save_pictures
from kerazoo.zoo.build import open_model
from kerazoo.zoo.catalogue import find_config, list_models
from kerazoo.zoo.compilation import gives_probabilities, last_activation
from kerazoo.zoo.exported_model import ExportedModel
from kerazoo.zoo.samples import Samples, read_samples

if TYPE_CHECKING:
    import keras
    import numpy as np

    from kerazoo.datasets import Dataset
    from kerazoo.exporters import TFLiteModel


def predict(
    model_or_name: keras.Model | TFLiteModel | str | os.PathLike[str],
    inputs: np.ndarray | str | os.PathLike[str] | Sequence[Any],
    *,
    top: int = 5,
    invert: bool = False,
    beams: int = 1,
    pictures: str | os.PathLike[str] | None = None,
) -> list[Prediction]:
    """What a model says to each sample, labels by name where its dataset has names.

    Args:
        model_or_name: a zoo model's name (with its published weights), a `.keras` file, of which
            `fine_tune` writes the labels beside it, a `.tflite` file, which holds its own, the same
            loaded, or any Keras model with one `(batch, n)` output.
        inputs: an array or tensor of raw samples `(batch, ...)`, or several; one or several paths
            of .npy arrays (one sample or a batch each) or of what the model is for: image files
            (PNG, JPEG, GIF, BMP, WebP), .wav files; for a model of texts, the texts themselves, or
            .txt files with one text each; for one that recommends, titles or numbers.
        top: how many labels to name, 1 or more. Outputs of a softmax or a sigmoid are the labels'
            probabilities, as are others that add up to 1; of logits the softmax is told.
        invert: exchange light and dark in image files.
        beams: of a model that translates, beginnings that are kept in the search; with 1, the
            likeliest piece follows each time.
        pictures: a folder, into which each sample is drawn with its answer; see `save_pictures`.

    Raises:
        UnknownNameError: no such model.
        WeightsError: a model file is missing, damaged, or would run code.
        MissingDependencyError: `pictures` without matplotlib (extra "plot").
        DataError: a file cannot be read, or an array does not fit the model.
        ConfigError: `top` is no integer of 1 or above; `beams` is below 1, or above for a model
            that does not translate; `invert` without an image file; the model is an agent.
        RunError: a picture cannot be written.

    >>> import kerazoo
    >>> images, labels = kerazoo.datasets.load_numpy("digits", "test")
    >>> next(iter(kerazoo.predict("mnist_cnn", images[:1])[0].scores))
    '0'
    """
    import numpy as np

    top = check_integer("top", top)
    model, labels = _opened(model_or_name)
    task, data = _task_and_data(model, labels)
    is_file = isinstance(model, ExportedModel)
    if beams != 1 and is_file:
        raise ConfigError("`beams` is for models: how a file searches is settled. Leave it out.")
    if beams != 1:
        task = task.with_beams(beams)
    if data is not None and not is_file:  # which is what the model becomes there
        model = task.deployed(model, data)
    are_known = model.gives_probabilities if is_file else gives_probabilities(model)
    if are_known:
        task = copy.copy(task)
        task.gives_probabilities = True
    samples = read_samples(inputs, model, task, data, invert=invert)
    outputs = np.asarray(model.predict(samples.batch, verbose=0))
    is_second = not is_file and _is_second_of_two(model, data)
    answers = list(np.concatenate([1 - outputs, outputs], axis=1) if is_second else outputs)
    if task.says_where:
        answers = _in_pixels_of_files(task, samples, answers)
    if pictures is not None:
        seen = _at_own_size(samples) if task.says_where else samples.batch
        inside = None if is_file else model
        save_pictures(task, seen, answers, samples.sources, data, pictures, inside)
    predictions = [
        task.prediction(source, answer, data, top)
        for source, answer in zip(samples.sources, answers, strict=True)
    ]
    if not is_second:
        return predictions
    return [  # values are what the model gives
        msgspec.structs.replace(prediction, values=output.tolist())
        for prediction, output in zip(predictions, outputs, strict=True)
    ]


def task_and_data(name: str | None) -> tuple[Task, Dataset | None]:
    """What the model of this name is for, and its dataset; for one that is not in the zoo scores or
    values, and None."""
    from kerazoo import datasets

    if name not in list_models():
        return Task(), None
    config = find_config(name)
    return find_task(config.task), datasets.info(config.data.dataset)


def _opened(model_or_name: Any) -> tuple[Any, list[str] | None]:
    """A model, or a file that can be asked like one; and the labels that are kept with it."""
    opened = model_or_name
    if isinstance(opened, str | os.PathLike):
        if not str(opened).endswith(".tflite"):
            return open_model(opened), labels_beside(opened)
        from kerazoo import load_tflite  # the room of exporters needs this one, not the reverse

        opened = load_tflite(opened)
    if not hasattr(opened, "signature"):
        return opened, None
    file = ExportedModel(opened)
    return file, file.labels


def _task_and_data(model: Any, labels: list[str] | None) -> tuple[Task, Dataset | None]:
    """The same as `task_and_data`, with those labels instead of the dataset's."""
    task, data = task_and_data(model.name)
    is_stranger = data is None and isinstance(model, ExportedModel)
    if is_stranger:
        task = find_task(model.task_name)
    if labels is None and not is_stranger:
        return task, data
    return task, _with_labels(data, labels, model)


def _with_labels(data: Dataset | None, labels: list[str] | None, model: Any) -> Dataset:
    """The facts of a dataset with these classes; without labels, with none: answers are values."""
    from kerazoo.datasets import Dataset

    outputs = model.output_shape[-1]
    if labels is not None and len(labels) not in (outputs, max(2, outputs or 0)):
        raise DataError(
            f"The model has {outputs} outputs and {len(labels)} labels. Correct the labels: those "
            f"of a .keras file are beside it, in NAME.labels.json."
        )
    # One label is the name of a quantity, and of no class.
    names = tuple(labels) if labels is not None and len(labels) > 1 else None
    if data is not None:
        return msgspec.structs.replace(data, class_names=names)
    return Dataset(
        name="",
        summary="",
        splits=(),
        input_shape=tuple(model.input_shape[1:]),
        class_names=names,
        license="",
        read=_no_samples,
    )


def _no_samples(split: str) -> Any:
    raise DataError("Of this dataset only the labels are known.")


def _is_second_of_two(model: keras.Model, data: Dataset | None) -> bool:
    """Whether the output is one sigmoid, the probability of the second of two classes."""
    import keras

    return (
        data is not None
        and data.num_classes == 2
        and tuple(model.output_shape) == (None, 1)
        and last_activation(model) is keras.activations.sigmoid
    )


def _in_pixels_of_files(
    task: Task, samples: Samples, answers: Sequence[np.ndarray]
) -> list[np.ndarray]:
    """Answers that say where, about the image files as they are seen, upright; about arrays
    unchanged."""
    from kerazoo.datasets.images import read_pixels

    if type(task).resized is Task.resized:  # what the files' sizes do not change
        return list(answers)
    return [
        answer if image is None else task.resized(answer, sample.shape, read_pixels(image).shape)
        for sample, image, answer in zip(samples.batch, samples.images, answers, strict=True)
    ]


def _at_own_size(samples: Samples) -> Iterator[np.ndarray]:
    """Image files as they are, one after the other as they would fill the memory; and arrays."""
    from kerazoo.datasets.images import read_pixels

    for sample, image in zip(samples.batch, samples.images, strict=True):
        yield sample if image is None else read_pixels(image)
