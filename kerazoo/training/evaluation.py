"""`evaluate`: the metrics of a model, or of an exported file, on a dataset."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kerazoo import datasets
from kerazoo.argument_checks import check_integer
from kerazoo.datasets import Dataset, arrays
from kerazoo.datasets.loading import check_labels
from kerazoo.errors import DataError
from kerazoo.labels_file import labels_beside
from kerazoo.tasks import Task, inputs_for
from kerazoo.tasks.task import is_distribution
from kerazoo.training.labelled_folder import batches_of_folder
from kerazoo.training.recipe_data import check_samples
from kerazoo.training.training_batches import check_files
from kerazoo.zoo.build import open_model
from kerazoo.zoo.catalogue import find_config, list_models
from kerazoo.zoo.compilation import compile_model
from kerazoo.zoo.prediction import task_and_data

if TYPE_CHECKING:
    import keras

    from kerazoo.exporters import TFLiteModel

_BATCH_SIZE = 256


def evaluate(
    model_or_name: keras.Model | TFLiteModel | str | os.PathLike[str],
    dataset: Any = None,
    *,
    split: str = "test",
    batch_size: int | None = None,
) -> dict[str, float]:
    """Loss and metrics of a model on data it can be judged by.

    Args:
        model_or_name: a zoo model's name (with its published weights), a Keras model, a loaded
            `.tflite` file, or the path of a `.keras` or `.tflite` file. What is not compiled is
            compiled as the zoo model whose name it has; of other classifiers the accuracy is told.
        dataset: a dataset's name, an `(inputs, targets)` pair of arrays, a `tf.data.Dataset` of
            such batches, or a folder with a folder of images for each class ("./digits" where a
            dataset has that name); None takes the zoo model's own. Folders are matched by name with
            the labels of the file, or beside it, or of the zoo model; without labels they are the
            classes in the order of their names.
        split: of a named dataset.
        batch_size: 256 if None, of files in a folder 64; changes the speed, not the result.

    Returns: name -> value: "loss" and the recipe's metrics, which a file of decoded answers (boxes,
        say) cannot be judged by; and the `measures` of the zoo model's task.

    Raises:
        UnknownNameError: no such model, dataset or split.
        WeightsError: a model file is missing, damaged, or would run code.
        ConfigError: the model is an agent: `kerazoo.rl.evaluate` is for those; or `batch_size` is
            no integer of 1 or above.
        DataError: the data cannot be had or does not fit, a `.tflite` file cannot be read, or the
            model is not in the zoo and no dataset was given.

    >>> import kerazoo
    >>> kerazoo.evaluate("linear_regression", "diabetes")["r2_score"] > 0.3
    True
    """
    if batch_size is not None:
        batch_size = check_integer("batch_size", batch_size)
    model = _open(model_or_name)
    task, data = task_and_data(_name(model))
    if dataset is None:
        dataset = _zoo_config(model, "pass `dataset=`").data.dataset
    if _is_folder(dataset):
        labels = _labels(model_or_name, model, data)
        return _evaluate_folder(model, dataset, labels, batch_size)
    if isinstance(dataset, str):
        data = datasets.info(dataset)
        dataset = datasets.load_numpy(dataset, split)
    if isinstance(dataset, tuple) and len(dataset) != 2:
        raise DataError(f"`dataset` must be (inputs, targets). Received: {len(dataset)} arrays.")
    if hasattr(model, "signature"):
        return _evaluate_file(model, dataset, task, data)
    if not model.compiled and model.name not in list_models():
        return _evaluate_uncompiled(model, dataset, data, batch_size or _BATCH_SIZE)
    if not model.compiled:
        compile_model(model, find_config(model.name).training)
    if not isinstance(dataset, tuple):
        return _evaluate_batches(model, dataset)
    inputs, targets = dataset
    check_samples(model, arrays.as_arrays(inputs), source="the dataset")
    _check_targets(targets, arrays.count(inputs), model.output_shape, data)
    metrics = model.evaluate(
        inputs, targets, batch_size=batch_size or _BATCH_SIZE, verbose=0, return_dict=True
    )
    if task.measures and data is not None:
        deployed = task.deployed(model, data)
        asked = inputs_for([tensor.name for tensor in deployed.inputs], inputs)
        answers = deployed.predict(asked, batch_size=batch_size or _BATCH_SIZE, verbose=0)
        metrics |= task.score(answers, targets, data)
    return metrics


def _open(model_or_name: Any) -> Any:
    if not isinstance(model_or_name, str | os.PathLike):
        return model_or_name
    if str(model_or_name).endswith(".tflite"):
        from kerazoo.exporters import load_tflite

        return load_tflite(model_or_name)
    return open_model(model_or_name)


def _name(model: Any) -> Any:
    """Of a Keras model, or of the one that a file was made of."""
    return model.metadata.get("name") if hasattr(model, "signature") else model.name


def _zoo_config(model: Any, way_out: str) -> Any:
    name = _name(model)
    if name not in list_models():
        raise DataError(f"The model {name!r} is not in the zoo: {way_out}.")
    return find_config(name)


def _evaluate_batches(model: keras.Model, batches: Any) -> dict[str, float]:
    import tensorflow as tf

    try:
        return model.evaluate(batches, verbose=0, return_dict=True)
    except (tf.errors.InvalidArgumentError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise DataError(f"The dataset does not fit the model {model.name!r}: {reason}") from error


def _evaluate_file(
    file: TFLiteModel, dataset: Any, task: Task, data: Dataset | None
) -> dict[str, float]:
    """Run the file over the data, and judge its answers as those of the model: by the task where
    they are decoded, else by the recipe's loss and metrics."""
    names = [tensor.name for tensor in file.signature.inputs]
    outputs, targets = _answers(file.predict, names, dataset)
    _check_targets(targets, len(outputs), outputs.shape, data)
    metrics = {} if task.is_decoded else _judge(file, outputs, targets)
    if task.measures and data is not None:
        metrics |= task.score(outputs, targets, data)
    return metrics


def _judge(file: TFLiteModel, outputs: np.ndarray, targets: np.ndarray) -> dict[str, float]:
    """Let Keras judge a file's outputs as it judges the model's, if the zoo has that."""
    import keras

    if _name(file) not in list_models():
        return _accuracy(outputs, targets)
    if is_distribution(outputs):
        outputs = np.log(np.maximum(outputs, 1e-7))  # the logits of which these are the softmax
    judge = keras.Sequential([keras.Input(outputs.shape[1:]), keras.layers.Identity()])
    compile_model(judge, find_config(_name(file)).training)
    return judge.evaluate(outputs, targets, batch_size=_BATCH_SIZE, verbose=0, return_dict=True)


def _evaluate_uncompiled(
    model: keras.Model, dataset: Any, data: Dataset | None, batch_size: int
) -> dict[str, float]:
    """What can be told without knowing what the model was trained for."""
    if isinstance(dataset, tuple):
        check_samples(model, arrays.as_arrays(dataset[0]), source="the dataset")
    names = [tensor.name for tensor in model.inputs]

    def ask(inputs: Any) -> Any:
        return model.predict(inputs, batch_size=batch_size, verbose=0)

    outputs, targets = _answers(ask, names, dataset)
    _check_targets(targets, len(outputs), outputs.shape, data)
    return _accuracy(outputs, targets)


def _answers(
    ask: Callable[[Any], Any], names: Sequence[str], dataset: Any
) -> tuple[np.ndarray, np.ndarray]:
    """All outputs and all targets; the inputs come and go."""
    outputs, targets = [], []
    for batch in [dataset] if isinstance(dataset, tuple) else dataset:
        if not isinstance(batch, tuple | list) or len(batch) != 2:
            parts = f"{len(batch)} parts" if isinstance(batch, tuple | list) else "inputs alone"
            raise DataError(
                f"A file, or a model that is not compiled, is judged on batches of (inputs, "
                f"targets). Received: {parts}. Map the dataset to such pairs."
            )
        inputs, wanted = batch
        outputs.append(np.asarray(ask(inputs_for(names, inputs))))
        targets.append(np.asarray(wanted))
    return np.concatenate(outputs), np.concatenate(targets)


def _accuracy(outputs: np.ndarray, targets: np.ndarray) -> dict[str, float]:
    """The share of right answers of a classifier, by class numbers."""
    if targets.shape == (len(outputs), 1):
        targets = targets[:, 0]
    is_classifier = outputs.ndim > 1 and outputs.shape[-1] > 1 and targets.dtype.kind in "iu"
    if not is_classifier or targets.shape != outputs.shape[:-1]:
        raise DataError(
            f"By what to judge this model is unknown: it is not compiled, not in the zoo, and no "
            f"classifier with class numbers for targets. In Python, compile it with a loss and "
            f"metrics and save it again. Received: outputs of shape {outputs.shape}, targets "
            f"{targets.dtype} of shape {targets.shape}."
        )
    return {"accuracy": float((outputs.argmax(-1) == targets).mean())}


def _evaluate_folder(
    model: Any, folder: Any, labels: list[str] | None, batch_size: int | None
) -> dict[str, float]:
    import tensorflow as tf

    source = batches_of_folder(folder, *_shapes(model), labels, batch_size)
    try:
        return evaluate(model, _as_taken(model, source.one_pass()))
    except (DataError, tf.errors.InvalidArgumentError):
        check_files(source.data, source.shape)  # says which one is no image
        raise


def _as_taken(model: Any, batches: Any) -> Any:
    """Pixels in whole numbers for a model, or a file, that takes those."""
    import tensorflow as tf

    is_file = hasattr(model, "signature")
    dtype = model.signature.inputs[0].dtype if is_file else model.inputs[0].dtype
    if "int" not in dtype or (is_file and model.signature.inputs[0].scale):
        return batches
    return batches.map(lambda images, labels: (tf.cast(tf.round(images), dtype), labels))


def _is_folder(dataset: Any) -> bool:
    """A dataset's name means the dataset, whatever lies in the current folder."""
    if not isinstance(dataset, str | os.PathLike):
        return False
    if isinstance(dataset, os.PathLike) or "/" in dataset or os.sep in dataset:
        return True
    return dataset not in datasets.list_datasets() and Path(dataset).is_dir()


def _labels(given: Any, model: Any, data: Dataset | None) -> list[str] | None:
    """What the outputs of a model, or of a file, are called."""
    own = model.labels if hasattr(model, "signature") else labels_beside(given)
    return own or (data.labels(_shapes(model)[1][-1]) if data is not None else None)


def _shapes(model: Any) -> tuple[Any, Any]:
    """Of one sample and of one answer."""
    if not hasattr(model, "signature"):
        return model.input_shape[1:], model.output_shape[1:]
    tensors = model.signature.inputs[0], model.signature.outputs[0]
    return tensors[0].shape[1:], tensors[1].shape[1:]


def _check_targets(targets: Any, samples: int, shape: Any, data: Dataset | None) -> None:
    """As many as samples; class numbers within the classes of outputs of `shape`."""
    targets = arrays.as_arrays(targets)
    if arrays.count(targets) != samples:
        raise DataError(f"There are {samples} inputs and {arrays.count(targets)} targets.")
    if isinstance(targets, dict) or len(targets.shape) != len(shape) - 1 or shape[-1] == 1:
        return  # no class numbers
    ignored = None if data is None else data.ignored_label
    check_labels(targets, shape[-1], ignored=ignored, source="evaluate")
