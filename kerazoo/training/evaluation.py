"""`evaluate`: the metrics of a model, or of an exported file, on a dataset."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np

from kerazoo import datasets
from kerazoo.datasets.loading import check_labels
from kerazoo.errors import DataError
from kerazoo.zoo.build import open_model
from kerazoo.zoo.catalogue import find_config, list_models
from kerazoo.zoo.compilation import compile_model
from kerazoo.zoo.prediction import is_distribution

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

    Returns: name -> value, "loss" among them.

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
    if dataset is None:
        dataset = _zoo_config(model, "pass `dataset=`").data.dataset
    if isinstance(dataset, str):
        dataset = datasets.load_numpy(dataset, split)
    if isinstance(dataset, tuple) and len(dataset) != 2:
        raise DataError(f"`dataset` must be (inputs, targets). Received: {len(dataset)} arrays.")
    if hasattr(model, "signature"):
        return _evaluate_file(model, dataset)
    if not model.compiled:
        compile_model(model, _zoo_config(model, "compile it").training)
    if isinstance(dataset, tuple):
        inputs, targets = dataset
        _check_shape(model, inputs)
        _check_targets(targets, len(inputs), model.output_shape[-1])
        return model.evaluate(
            inputs, targets, batch_size=batch_size or _BATCH_SIZE, verbose=0, return_dict=True
        )
    return _evaluate_batches(model, dataset)


def _open(model_or_name: Any) -> Any:
    if not isinstance(model_or_name, str | os.PathLike):
        return model_or_name
    if str(model_or_name).endswith(".tflite"):
        from kerazoo.exporters import load_tflite

        return load_tflite(model_or_name)
    return open_model(model_or_name)


def _zoo_config(model: Any, way_out: str) -> Any:
    name = model.metadata.get("name") if hasattr(model, "signature") else model.name
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


def _evaluate_file(file: TFLiteModel, dataset: Any) -> dict[str, float]:
    """Run the file over the data, and let Keras judge its outputs as it judges the model's."""
    import keras

    batches = [dataset] if isinstance(dataset, tuple) else dataset
    pairs = [(np.asarray(inputs), np.asarray(targets)) for inputs, targets in batches]
    outputs = np.concatenate([np.asarray(file.predict(inputs)) for inputs, _ in pairs])
    targets = np.concatenate([targets for _, targets in pairs])
    _check_targets(targets, len(outputs), outputs.shape[-1])
    if is_distribution(outputs):
        outputs = np.log(np.maximum(outputs, 1e-7))  # the logits of which these are the softmax
    judge = keras.Sequential([keras.Input(outputs.shape[1:]), keras.layers.Identity()])
    compile_model(judge, _zoo_config(file, "evaluate its outputs with Keras's metrics").training)
    return judge.evaluate(outputs, targets, batch_size=_BATCH_SIZE, verbose=0, return_dict=True)


def _check_targets(targets: Any, samples: int, width: int) -> None:
    targets = np.asarray(targets)
    if len(targets) != samples:
        raise DataError(f"There are {samples} inputs and {len(targets)} targets.")
    if width > 1 and np.issubdtype(targets.dtype, np.integer) and targets.ndim == 1:
        check_labels(targets, width, source="evaluate")


def _check_shape(model: keras.Model, inputs: Any) -> None:
    expected, received = tuple(model.input_shape[1:]), tuple(inputs.shape[1:])
    fits = len(expected) == len(received) and all(
        e is None or e == r for e, r in zip(expected, received, strict=True)
    )
    if not fits:
        raise DataError(
            f"The model {model.name!r} takes samples of shape {expected}. Received: {received}."
        )
