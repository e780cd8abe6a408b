"""`evaluate`: the metrics of a model on a dataset, by their names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kerazoo import datasets
from kerazoo.errors import DataError
from kerazoo.zoo.build import get
from kerazoo.zoo.catalogue import find_config, list_models
from kerazoo.zoo.compilation import compile_model

if TYPE_CHECKING:
    import keras

_BATCH_SIZE = 256


def evaluate(
    model_or_name: keras.Model | str,
    dataset: Any = None,
    *,
    split: str = "test",
    batch_size: int | None = None,
) -> dict[str, float]:
    """Loss and metrics of a model.

    Args:
        model_or_name: a zoo model's name (with its published weights), or any Keras model; one that
            is not compiled must be a zoo model.
        dataset: a dataset's name, an `(inputs, targets)` pair of arrays, or a `tf.data.Dataset` of
            batches; None takes the model's own dataset.
        split: of a named dataset.
        batch_size: 256 if None; changes the speed, not the result.

    Returns: name -> value, "loss" among them.

    Raises:
        UnknownNameError: no such model, dataset or split.
        DataError: the data cannot be had, or the model has no dataset of its own.

    >>> import kerazoo
    >>> kerazoo.evaluate("mnist_cnn", "digits")["accuracy"] > 0.9
    True
    """
    model = get(model_or_name) if isinstance(model_or_name, str) else model_or_name
    if dataset is None:
        dataset = _own_dataset(model)
    if isinstance(dataset, str):
        dataset = datasets.load_numpy(dataset, split)
    if not model.compiled:
        compile_model(model, find_config(model.name).training)
    if isinstance(dataset, tuple):
        inputs, targets = dataset
        _check_shape(model, inputs)
        return model.evaluate(
            inputs, targets, batch_size=batch_size or _BATCH_SIZE, verbose=0, return_dict=True
        )
    return model.evaluate(dataset, verbose=0, return_dict=True)


def _own_dataset(model: keras.Model) -> str:
    if model.name not in list_models():
        raise DataError(f"The model {model.name!r} is not in the zoo: pass `dataset=`.")
    return find_config(model.name).data.dataset


def _check_shape(model: keras.Model, inputs: Any) -> None:
    expected, received = tuple(model.input_shape[1:]), tuple(inputs.shape[1:])
    fits = len(expected) == len(received) and all(
        e is None or e == r for e, r in zip(expected, received, strict=True)
    )
    if not fits:
        raise DataError(
            f"The model {model.name!r} takes samples of shape {expected}. Received: {received}."
        )
