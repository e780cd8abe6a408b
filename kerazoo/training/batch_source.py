"""Where a loop's batches come from: from any epoch and step on, the same in every process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from kerazoo.argument_checks import check_integer
from kerazoo.datasets.checksum import checksum
from kerazoo.datasets.dataset_chance import is_unordered
from kerazoo.errors import DataError

if TYPE_CHECKING:
    import tensorflow as tf


@runtime_checkable
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
                "The dataset does not know its number of batches. Apply "
                "tf.data.experimental.assert_cardinality to it, or, to train on, pass "
                "`steps_per_epoch`."
            )
        if not self.length:
            raise DataError("The dataset has no batches: an epoch takes at least 1.")
        steps = self.length if steps_per_epoch is None else steps_per_epoch
        self.steps_per_epoch = check_integer("steps_per_epoch", steps)

    def __len__(self) -> int:
        return self.steps_per_epoch

    def starting_at(self, epoch: int, step: int) -> tf.data.Dataset:
        position = epoch * self.steps_per_epoch + step
        return self.dataset.repeat().skip(position % self.length if self.length > 0 else position)

    def fingerprint(self) -> str:
        """Of the first batch and the length. Raises `DataError` if there is chance in it."""
        if _has_chance(self.dataset):
            raise DataError(
                "The dataset shuffles, draws random numbers, runs Python or keeps no order "
                "(deterministic=False), so that it may give other batches in another process, and "
                "a killed run could not go on where it stopped. Train on "
                "kerazoo.datasets.Batches(inputs, targets, batch_size=...), whose order depends on "
                "seed and epoch alone, or without `checkpoints`."
            )
        return f"{_checksum_of_first(self.dataset)} {self.length} {self.steps_per_epoch}"


def batch_source(batches: Any, steps_per_epoch: int | None = None) -> BatchSource:
    """`batches` as a source.

    Raises:
        DataError: it is neither a `Batches` nor a `tf.data.Dataset`, or has no known length.
        ConfigError: `steps_per_epoch` is no integer of 1 or above.
    """
    import tensorflow as tf

    if isinstance(batches, tf.data.Dataset):
        return RepeatedDataset(batches, steps_per_epoch)
    if not isinstance(batches, BatchSource):
        raise DataError(
            f"A loop takes kerazoo.datasets.Batches, another BatchSource, or a tf.data.Dataset. "
            f"Received: {type(batches).__name__}."
        )
    if steps_per_epoch is not None:
        raise DataError(
            f"`steps_per_epoch` is for a tf.data.Dataset. Received: {steps_per_epoch} with "
            f"batches that know it: {len(batches)}."
        )
    return batches


def _checksum_of_first(dataset: tf.data.Dataset) -> str:
    import keras

    batches = [keras.tree.flatten(batch) for batch in dataset.take(1)]
    return checksum(*(np.asarray(array) for batch in batches for array in batch))


def _has_chance(dataset: tf.data.Dataset) -> bool:
    """Whether it shuffles, has no fixed order, or keeps something between two passes."""
    import tensorflow as tf

    if is_unordered(dataset):
        return True
    variant = tf.data.experimental.to_variant(dataset)
    try:  # tf.data knows: it refuses to write down what would lose state (policy 2: an error)
        text = tf.raw_ops.DatasetToGraphV2(input_dataset=variant, external_state_policy=2)
    except tf.errors.FailedPreconditionError:
        return True
    graph = tf.compat.v1.GraphDef.FromString(text.numpy())
    functions = [graph, *graph.library.function]
    operations = {node.op for part in functions for node in _nodes(part)}
    return any(name.startswith(("Shuffle", "RandomDataset")) for name in operations)


def _nodes(graph_or_function: Any) -> Any:
    return getattr(graph_or_function, "node_def", None) or getattr(graph_or_function, "node", ())
