"""`Batches`: the batches of a training run as a function of (seed, epoch, step)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from kerazoo.datasets import pipeline
from kerazoo.datasets.augment import Augment, check_augment
from kerazoo.datasets.checksum import checksum
from kerazoo.errors import DataError

if TYPE_CHECKING:
    import tensorflow as tf


class Batches:
    """Batches of two arrays, from any epoch and step on, the same ones in every process.

    The order of an epoch is a stateless shuffle, distortions are stateless too: a run that was
    killed goes on with the very batch that came next, and nothing has to be stored for it.

    Args:
        inputs: any dtype, `(samples, ...)`; stays in memory as it is.
        targets: `(samples, ...)`.
        batch_size: samples per batch, 1 or more; the last batch of an epoch may be smaller.
        shuffle: over all samples, anew in each epoch.
        augment: how far images are distorted, anew in each epoch; None leaves them alone.
        seed: 0 to 2**31 - 1.

    Raises:
        DataError: the arrays differ in length or are empty, `batch_size` is below 1, or `augment`
            is out of its ranges or asked for what is no image.

    >>> import kerazoo, numpy as np
    >>> batches = kerazoo.datasets.Batches(np.arange(10), np.arange(10), batch_size=4, seed=1)
    >>> len(batches)
    3
    >>> whole = list(batches.starting_at(epoch=2).take(3))
    >>> rest = list(batches.starting_at(epoch=2, step=1).take(2))
    >>> bool((whole[1][0] == rest[0][0]).numpy().all())
    True
    """

    def __init__(
        self,
        inputs: np.ndarray,
        targets: np.ndarray,
        *,
        batch_size: int,
        shuffle: bool = True,
        augment: Augment | None = None,
        seed: int = 0,
    ):
        self.inputs, self.targets = np.asarray(inputs), np.asarray(targets)
        if not len(self.inputs) or len(self.inputs) != len(self.targets):
            raise DataError(
                f"Batches are made of as many inputs as targets, at least one. "
                f"Received: {len(self.inputs)} and {len(self.targets)}."
            )
        if batch_size < 1:
            raise DataError(f"`batch_size` must be 1 or above. Received: {batch_size}.")
        if augment is not None:
            check_augment(augment, self.inputs.shape)
        self.batch_size, self.shuffle = batch_size, shuffle
        self.augment, self.seed = augment, seed

    def __len__(self) -> int:
        """Steps per epoch, the last and smaller batch counted."""
        return pipeline.steps_per_epoch(len(self.inputs), self.batch_size)

    def starting_at(self, epoch: int = 0, step: int = 0) -> tf.data.Dataset:
        """The batches from step `step` of epoch `epoch` on, epoch after epoch, without an end."""
        import tensorflow as tf

        make_epoch = pipeline.epoch_maker(
            self.inputs,
            self.targets,
            self.batch_size,
            shuffle=self.shuffle,
            augment=self.augment,
            seed=self.seed,
        )

        def batches_of(number: tf.Tensor) -> tf.data.Dataset:
            return make_epoch(number, tf.where(number == epoch, tf.cast(step, tf.int64), 0))

        epochs = tf.data.Dataset.range(epoch, tf.int64.max)
        return epochs.flat_map(batches_of).prefetch(tf.data.AUTOTUNE)

    def fingerprint(self) -> str:
        """What a resumed run compares: it changes with any sample, and with every argument."""
        data = checksum(self.inputs, self.targets)
        return f"{data} {self.batch_size} {self.shuffle} {self.augment} {self.seed}"
