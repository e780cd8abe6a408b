"""The data of a recipe: divided into its parts, and checked against the model."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from kerazoo import datasets
from kerazoo.datasets import arrays
from kerazoo.datasets.arrays import Arrays, is_one_of
from kerazoo.datasets.loading import check_labels
from kerazoo.errors import ConfigError, DataError
from kerazoo.zoo.config import ZooConfig

Pair = tuple[Arrays, Arrays]
"""Inputs and targets."""


def split_data(config: ZooConfig) -> tuple[Pair, Pair | None]:
    """Training and validation part; the same parts in every run, whatever its seed.

    Raises:
        ConfigError: a fraction is to be held out of data that has a validation part of its own.
    """
    pair = datasets.load_numpy(config.data.dataset, "train")
    if "validation" in datasets.info(config.data.dataset).splits:
        if config.data.validation:
            raise ConfigError(
                f"{config.name}: {config.data.dataset} has a validation part of its own. Remove "
                f"data.validation."
            )
        return pair, datasets.load_numpy(config.data.dataset, "validation")
    samples = arrays.count(pair[0])
    count = round(samples * config.data.validation)
    if not count:
        return pair, None
    order = np.random.RandomState(0).permutation(samples)
    if datasets.info(config.data.dataset).is_series:  # neighbours in time are almost the same
        order = np.arange(samples)[::-1]
    held_out, kept = np.sort(order[:count]), np.sort(order[count:])
    return rows_of_both(pair, kept), rows_of_both(pair, held_out)


def rows_of_both(pair: Pair, which: np.ndarray | slice) -> Pair:
    """Some of the samples with their targets."""
    return arrays.rows(pair[0], which), arrays.rows(pair[1], which)


def check_samples(model: keras.Model, inputs: Arrays, *, source: str) -> None:
    """Raise `DataError` unless the model takes samples of this shape, by these names."""
    received = arrays.sample_shape(inputs)
    if isinstance(received, dict):
        taken: Any = {tensor.name: tuple(tensor.shape[1:]) for tensor in model.inputs}
        fits = all(is_one_of(received.get(name), taken[name]) for name in taken)
    else:
        shape = model.input_shape
        taken = shape if isinstance(shape, list | dict) else tuple(shape[1:])
        fits = isinstance(taken, tuple) and is_one_of(received, taken)
    if not fits:
        raise DataError(
            f"The model {model.name!r} takes samples of shape {taken}. "
            f"Received: {received} ({source})."
        )


def check_fit(model: keras.Model, inputs: Arrays, targets: Arrays, *, source: str) -> None:
    """Raise `DataError` or `ConfigError` unless model, loss and metrics take the samples."""
    check_samples(model, inputs, source=f"of {source!r}: change model.arguments")
    if not isinstance(targets, dict) and targets.ndim == len(model.output_shape) - 1:
        check_labels(
            targets,
            model.output_shape[-1],
            ignored=datasets.info(source).ignored_label,
            source=f"{source} for {model.name!r}",
        )
    try:
        model.evaluate(*rows_of_both((inputs, targets), slice(2)), verbose=0)
    except Exception as error:  # whatever the loss, the metrics or TensorFlow make of them
        reason = " ".join(str(error).split())[:200]
        raise ConfigError(
            f"{model.name}: the loss or a metric does not fit the model's outputs: {reason}"
        ) from error
