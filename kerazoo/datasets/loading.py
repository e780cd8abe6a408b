"""`load` and `load_numpy`: a dataset by name, as a tf.data pipeline or as arrays."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from kerazoo.datasets import arrays
from kerazoo.datasets.arrays import Arrays
from kerazoo.datasets.augment import Augment
from kerazoo.datasets.registry import info
from kerazoo.errors import DataError, unknown_name

if TYPE_CHECKING:
    import numpy as np
    import tensorflow as tf


def load(
    name: str,
    split: str = "train",
    *,
    batch_size: int | None = None,
    shuffle: bool = False,
    augment: bool | Augment = False,
    seed: int = 0,
) -> tf.data.Dataset:
    """One pass over a dataset as a prefetching tf.data pipeline of (input, target).

    Iterating it again is the next epoch: another order and other distortions, the same ones for the
    same `seed` in every process.

    Args:
        name: one of `list_datasets()`.
        split: one of `info(name).splits`.
        batch_size: samples per batch, the last one may be smaller; None gives single samples.
        shuffle: over the whole dataset.
        augment: True for the dataset's own default, or an `Augment`. Images only.
        seed: 0 to 2**31 - 1.

    Returns: shapes and dtypes as of `load_numpy`; images are float32 where they are distorted.

    Raises:
        UnknownNameError: no such dataset or split.
        DataError: the data cannot be had here, `batch_size` is below 1, or `augment` is out of its
            ranges or asked for what is no image.

    >>> import kerazoo
    >>> digits = kerazoo.datasets.load("digits", "test", batch_size=32)
    >>> digits.element_spec[0].shape
    TensorShape([None, 28, 28, 1])
    """
    from kerazoo.datasets import pipeline

    if batch_size is not None and batch_size < 1:
        raise DataError(f"`batch_size` must be 1 or above, or None. Received: {batch_size}.")
    if augment is True:
        augment = info(name).augment
    if augment and not isinstance(augment, Augment):
        raise DataError(f"`augment` must be True, False or an Augment. Received: {augment!r}.")
    inputs, targets = load_numpy(name, split)
    return pipeline.repeatable_epoch(
        inputs,
        targets,
        batch_size=batch_size,
        shuffle=shuffle,
        augment=augment or None,
        seed=seed,
    )


def load_numpy(name: str, split: str = "train") -> tuple[Any, Any]:
    """A dataset as two read-only arrays, inputs and targets; a dict of arrays by name in place of
    one where a model takes several.

    Does not import TensorFlow, but to decode pictures (`cifar10` as a pack of JPEG files).

    Args:
        name: one of `list_datasets()`.
        split: one of `info(name).splits`.

    Returns: inputs `(samples, ...)`, of the shape `info(name).input_shape` each, images as uint8
        0..255; and targets `(samples, ...)`, class labels as integers from 0 on, `(samples,)`.

    Raises:
        UnknownNameError: no such dataset or split.
        DataError: the data cannot be had here; the message says how to get it.

    >>> import kerazoo
    >>> images, labels = kerazoo.datasets.load_numpy("digits", "test")
    >>> images.shape, images.dtype, labels.shape
    ((1797, 28, 28, 1), dtype('uint8'), (1797,))
    """
    if split not in info(name).splits:
        raise unknown_name(f"split of {name}", split, info(name).splits)
    return _read_once(name, split)


@lru_cache(maxsize=4)
def _read_once(name: str, split: str) -> tuple[Arrays, Arrays]:
    import numpy as np

    data = info(name)
    inputs, targets = data.read(split)
    samples, shape = arrays.count(inputs), arrays.sample_shape(inputs)
    if shape != data.input_shape or samples != arrays.count(targets):
        raise DataError(
            f"The data found for {name!r} has {samples} inputs of shape {shape} and "
            f"{arrays.count(targets)} targets; samples of shape {data.input_shape} are expected."
        )
    if not all(np.all(np.isfinite(values)) for values in arrays.each(inputs)):
        raise DataError(f"The data found for {name!r} has values that are not finite.")
    if not isinstance(targets, dict):
        check_labels(targets, data.num_classes, ignored=data.ignored_label, source=name)
    for values in [*arrays.each(inputs), *arrays.each(targets)]:
        values.flags.writeable = False  # cached: shared by all callers
    return inputs, targets


def check_labels(
    labels: np.ndarray, num_classes: int | None, *, ignored: int | None = None, source: str
) -> None:
    """Raise `DataError` unless all class labels are within 0..num_classes - 1, or `ignored`."""
    import numpy as np

    if num_classes is None or not np.issubdtype(labels.dtype, np.integer):
        return
    labels = labels if ignored is None else labels[labels != ignored]
    if not labels.size:
        return
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= num_classes:
        raise DataError(
            f"{source}: labels must be 0 to {num_classes - 1}, as there are {num_classes} classes. "
            f"Received: {low} to {high}."
        )
