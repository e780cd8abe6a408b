"""`evaluate`: the metrics of a model, or of an exported file, on a dataset."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np

from kerazoo import datasets
from kerazoo.datasets import Dataset, arrays
from kerazoo.datasets.loading import check_labels
from kerazoo.errors import DataError
from kerazoo.tasks import Task, inputs_for
from kerazoo.tasks.task import is_distribution
from kerazoo.training.recipe_data import check_samples
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
            compiled as the zoo model whose name it has.
        dataset: a dataset's name, an `(inputs, targets)` pair of arrays, or a `tf.data.Dataset` of
            such batches; None takes the zoo model's own.
        split: of a named dataset.
        batch_size: 256 if None; changes the speed, not the result.

    Returns: name -> value: "loss" and the recipe's metrics, which a file of decoded answers (boxes,
        say) cannot be judged by; and the `measures` of the zoo model's task.

    Raises:
        UnknownNameError: no such model, dataset or split.
        DataError: the data cannot be had or does not fit, or the model is not in the zoo and no
            dataset was given.

    >>> import kerazoo
    >>> kerazoo.evaluate("mnist_cnn", "digits")["accuracy"] > 0.9
    True
    """
    if batch_size is not None and batch_size < 1:
        raise DataError(f"`batch_size` must be 1 or above, or None. Received: {batch_size}.")
    model = _open(model_or_name)
    task, data = task_and_data(_name(model))
    if dataset is None:
        dataset = _zoo_config(model, "pass `dataset=`").data.dataset
    if isinstance(dataset, str):
        data = datasets.info(dataset)
        dataset = datasets.load_numpy(dataset, split)
    if isinstance(dataset, tuple) and len(dataset) != 2:
        raise DataError(f"`dataset` must be (inputs, targets). Received: {len(dataset)} arrays.")
    if hasattr(model, "signature"):
        return _evaluate_file(model, dataset, task, data)
    if not model.compiled:
        compile_model(model, _zoo_config(model, "compile it").training)
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
    batches = [dataset] if isinstance(dataset, tuple) else dataset
    pairs = [(inputs_for(names, inputs), np.asarray(targets)) for inputs, targets in batches]
    outputs = np.concatenate([np.asarray(file.predict(inputs)) for inputs, _ in pairs])
    targets = np.concatenate([targets for _, targets in pairs])
    _check_targets(targets, len(outputs), outputs.shape, data)
    metrics = {} if task.is_decoded else _judge(file, outputs, targets)
    if task.measures and data is not None:
        metrics |= task.score(outputs, targets, data)
    return metrics


def _judge(file: TFLiteModel, outputs: np.ndarray, targets: np.ndarray) -> dict[str, float]:
    """Let Keras judge a file's outputs as it judges the model's."""
    import keras

    if is_distribution(outputs):
        outputs = np.log(np.maximum(outputs, 1e-7))  # the logits of which these are the softmax
    judge = keras.Sequential([keras.Input(outputs.shape[1:]), keras.layers.Identity()])
    compile_model(judge, _zoo_config(file, "evaluate its outputs with Keras's metrics").training)
    return judge.evaluate(outputs, targets, batch_size=_BATCH_SIZE, verbose=0, return_dict=True)


def _check_targets(targets: Any, samples: int, shape: Any, data: Dataset | None) -> None:
    """As many as samples; class numbers within the classes of outputs of `shape`."""
    targets = arrays.as_arrays(targets)
    if arrays.count(targets) != samples:
        raise DataError(f"There are {samples} inputs and {arrays.count(targets)} targets.")
    if isinstance(targets, dict) or len(targets.shape) != len(shape) - 1 or shape[-1] == 1:
        return  # no class numbers
    ignored = None if data is None else data.ignored_label
    check_labels(targets, shape[-1], ignored=ignored, source="evaluate")
