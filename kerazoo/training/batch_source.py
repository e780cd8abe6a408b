"""Where a loop's batches come from: from any epoch and step on, the same in every process."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from kerazoo.errors import DataError

if TYPE_CHECKING:
    import tensorflow as tf


class BatchSource(Protocol):
    """What a `Loop` trains on; `kerazoo.datasets.Batches` is one."""

    def __len__(self) -> int:
        """Steps per epoch."""

    def starting_at(self, epoch: int, step: int) -> tf.data.Dataset:
        """The batches from there on, epoch after epoch, without an end."""

    def fingerprint(self) -> str:
        """Equal for equal batches; a resumed run compares it."""


class RepeatedDataset:
    """A `tf.data.Dataset`: its passes, or parts of its endless one, are the epochs."""

    def __init__(self, dataset: tf.data.Dataset, steps_per_epoch: int | None):
        self.dataset = dataset
        self.length = int(dataset.cardinality())  # negative: endless, or unknown
        if steps_per_epoch is None and self.length < 0:
            raise DataError(
                "The dataset does not know its number of batches. Pass `steps_per_epoch`, or apply "
                "tf.data.experimental.assert_cardinality to the dataset."
            )
        self.steps_per_epoch = self.length if steps_per_epoch is None else steps_per_epoch
        if self.steps_per_epoch < 1:
            raise DataError(f"An epoch has at least 1 step. Received: {self.steps_per_epoch}.")

    def __len__(self) -> int:
        return self.steps_per_epoch

    def starting_at(self, epoch: int, step: int) -> tf.data.Dataset:
        position = epoch * self.steps_per_epoch + step
        return self.dataset.repeat().skip(position % self.length if self.length > 0 else position)

    def fingerprint(self) -> str:
        """Of the first batch. Raises `DataError` if the dataset cannot repeat itself."""
        first = _checksum(self.dataset)
        if _has_state(self.dataset) or _checksum(self.dataset) != first:
            raise DataError(
                "Two passes over the dataset may give different batches (it shuffles, draws random "
                "numbers, or runs Python), so a killed run could not go on where it stopped. Train "
                "on kerazoo.datasets.Batches(inputs, targets, batch_size=...), whose order depends "
                "on seed and epoch alone, or without `checkpoints`."
            )
        return f"{first:08x} {self.length} {self.steps_per_epoch}"


def batch_source(batches: Any, steps_per_epoch: int | None = None) -> BatchSource:
    """`batches` as a source.

    Raises:
        DataError: it is neither a `Batches` nor a `tf.data.Dataset`, or has no known length.
    """
    import tensorflow as tf

    if isinstance(batches, tf.data.Dataset):
        return RepeatedDataset(batches, steps_per_epoch)
    if not hasattr(batches, "starting_at"):
        raise DataError(
            f"A loop trains on kerazoo.datasets.Batches or on a tf.data.Dataset of batches. "
            f"Received: {type(batches).__name__}."
        )
    if steps_per_epoch is not None:
        raise DataError(
            f"`steps_per_epoch` is for a tf.data.Dataset. Received: {steps_per_epoch} with "
            f"batches that know it: {len(batches)}."
        )
    return batches


def _checksum(dataset: tf.data.Dataset) -> int:
    import keras

    checksum = 0
    for array in keras.tree.flatten(next(iter(dataset.take(1)))):
        checksum = zlib.crc32(np.ascontiguousarray(array).data, checksum)
    return checksum


def _has_state(dataset: tf.data.Dataset) -> bool:
    """Whether an operation in it keeps something between two passes. tf.data knows: it refuses to
    write such a pipeline down where losing the state counts as a failure (policy 2)."""
    import tensorflow as tf

    variant = tf.data.experimental.to_variant(dataset)
    try:
        tf.raw_ops.DatasetToGraphV2(input_dataset=variant, external_state_policy=2)
    except tf.errors.FailedPreconditionError:
        return True
    return False
