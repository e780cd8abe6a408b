"""`Batches`: the batches of a training run as a function of (seed, epoch, step)."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, get_args

from kerazoo.argument_checks import check_integer
from kerazoo.datasets import arrays, pipeline
from kerazoo.datasets.augment import Augment, check_augment
from kerazoo.datasets.checksum import checksum
from kerazoo.datasets.pipeline import LastBatch
from kerazoo.errors import ConfigError, DataError, unknown_name

if TYPE_CHECKING:
    import tensorflow as tf


class Batches:
    """Batches of inputs and targets, from any epoch and step on, the same ones in every process.

    The order of an epoch is a stateless shuffle, distortions are stateless too: a run that was
    killed goes on with the very batch that came next, and nothing has to be stored for it.

    Args:
        inputs: any dtype, `(samples, ...)`; or name -> such an array, for a model with several
            inputs. They stay in memory as they are.
        targets: likewise.
        batch_size: samples per batch, 1 or more; over all devices and workers together.
        shuffle: over all samples, anew in each epoch.
        augment: how far images are distorted, anew in each epoch; None leaves them alone.
        seed: 0 to 2**31 - 1.
        last_batch: of an epoch, where the samples do not fill it: "smaller"; or, for TPUs, which
            want one shape: "dropped", or "padded" with other samples, and each batch then is
            (inputs, targets, weights) with 0.0 for those, 1.0 else, float32 `(batch_size,)`. Keras
            heeds the weights in losses and `weighted_metrics`, not in `metrics`.

    Raises:
        ConfigError: `batch_size` is no integer of 1 or above, or `seed` is out of its range.
        DataError: the arrays differ in length, are empty or none, all samples would be dropped, or
            `augment` is out of its ranges or asked for what is no image.
        UnknownNameError: there is no such `last_batch`.

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
        inputs: Any,
        targets: Any,
        *,
        batch_size: int,
        shuffle: bool = True,
        augment: Augment | None = None,
        seed: int = 0,
        last_batch: LastBatch = "smaller",
    ):
        self.inputs, self.targets = arrays.as_arrays(inputs), arrays.as_arrays(targets)
        self.samples = arrays.count(self.inputs)
        if not self.samples or self.samples != arrays.count(self.targets):
            raise DataError(
                f"Batches are made of as many inputs as targets, at least one. "
                f"Received: {self.samples} and {arrays.count(self.targets)}."
            )
        batch_size, seed = check_integer("batch_size", batch_size), _check_seed(seed)
        if last_batch not in get_args(LastBatch):
            raise unknown_name("last_batch", last_batch, get_args(LastBatch))
        if last_batch == "dropped" and self.samples < batch_size:
            raise DataError(
                f"{self.samples} samples do not fill one batch of {batch_size}, and would all "
                f"be dropped. Lower `batch_size`, or take last_batch='padded'."
            )
        if augment is not None:
            check_augment(augment, arrays.shape(self.inputs), arrays.shape(self.targets))
        self.batch_size, self.shuffle, self.last_batch = batch_size, shuffle, last_batch
        self.augment, self.seed = augment, seed
        self._part = (0, 1)

    def __len__(self) -> int:
        """Steps per epoch, the last batch counted unless it is dropped."""
        return pipeline.steps_per_epoch(self.samples, self.batch_size, self.last_batch)

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
            last_batch=self.last_batch,
            part=self._part,
        )

        def batches_of(number: tf.Tensor) -> tf.data.Dataset:
            return make_epoch(number, tf.where(number == epoch, tf.cast(step, tf.int64), 0))

        epochs = tf.data.Dataset.range(epoch, tf.int64.max)
        batches = epochs.flat_map(batches_of).prefetch(tf.data.AUTOTUNE)
        return pipeline.with_policy(batches, "DATA" if self._part == (0, 1) else "OFF")

    def part(self, index: int, workers: int) -> Batches:
        """What `kerazoo.datasets.shard` gives: as many batches, of each a part."""
        if self._part != (0, 1):
            raise DataError("These batches are a worker's part already: divide the whole.")
        own = copy.copy(self)
        own._part = (index, workers)
        return own

    def fingerprint(self) -> str:
        """What a resumed run compares: it changes with any sample, and with every argument; a
        worker's part has that of the whole."""
        data = checksum(*arrays.each(self.inputs), *arrays.each(self.targets))
        last = "" if self.last_batch == "smaller" else f" {self.last_batch}"
        return f"{data} {self.batch_size} {self.shuffle} {self.augment} {self.seed}{last}"


def _check_seed(seed: Any) -> int:
    if check_integer("seed", seed, least=0) >= 2**31:
        raise ConfigError(f"`seed` must be an integer of 0 to 2**31 - 1. Received: {seed}.")
    return int(seed)
