"""tf.data pipelines over arrays, in which chance depends on (seed, epoch, batch) alone.

The order of an epoch is a stateless shuffle, augmentation is stateless too: nothing has to be
stored to continue a run where it stopped; the same seed gives the same batches in every process.
Arrays stay in memory as they are (uint8 images are a quarter of float32) and are gathered by batch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kerazoo.datasets.augment import Augment, check_augment, distort

if TYPE_CHECKING:
    import numpy as np
    import tensorflow as tf


def repeatable_epoch(
    inputs: np.ndarray,
    targets: np.ndarray,
    *,
    batch_size: int | None,
    shuffle: bool,
    augment: Augment | None,
    seed: int,
) -> tf.data.Dataset:
    """One epoch; every further iteration over it is the next one."""
    import tensorflow as tf

    # Counted, not drawn: tf.data's own random numbers depend on TensorFlow's global seed as well.
    with tf.device("CPU:0"):
        epoch = tf.Variable(-1, dtype=tf.int64, trainable=False)
    epochs = tf.data.Dataset.from_tensors(0).map(lambda _: epoch.assign_add(1))
    make_epoch = epoch_maker(
        inputs, targets, batch_size or 1, shuffle=shuffle, augment=augment, seed=seed
    )
    batches = epochs.flat_map(lambda number: make_epoch(number, 0))
    if batch_size is None:
        batches = batches.unbatch()
    count = len(inputs) if batch_size is None else steps_per_epoch(len(inputs), batch_size)
    return batches.apply(tf.data.experimental.assert_cardinality(count)).prefetch(tf.data.AUTOTUNE)


def steps_per_epoch(samples: int, batch_size: int) -> int:
    """Number of batches, the last and smaller one counted."""
    return -(-samples // batch_size)


def epoch_maker(
    inputs: np.ndarray,
    targets: np.ndarray,
    batch_size: int,
    *,
    shuffle: bool,
    augment: Augment | None,
    seed: int,
) -> Any:
    """A function from an epoch's number (any int64) and a step to its batches from there on."""
    import tensorflow as tf

    if augment is not None:
        check_augment(augment, inputs.shape)
    # Outside the mapped function, so that the graph refers to the arrays and does not copy them.
    with tf.device("CPU:0"):  # a GPU has better things to hold
        all_inputs, all_targets = tf.constant(inputs), tf.constant(targets)

    def make(epoch: tf.Tensor, first_step: Any) -> tf.data.Dataset:
        first_step = tf.cast(first_step, tf.int64)
        key = tf.stack([tf.constant(seed, tf.int64), epoch])
        order = tf.range(len(inputs))
        if shuffle:
            order = tf.random.experimental.stateless_shuffle(order, key)

        def gather(number: tf.Tensor, indices: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            samples = tf.gather(all_inputs, indices)
            if augment is not None:
                # A multiple of a large odd number, so that batches do not share keys with epochs.
                samples = distort(samples, augment, key + tf.stack([number * 2_654_435_761, 0]))
            return samples, tf.gather(all_targets, indices)

        rest = tf.data.Dataset.from_tensor_slices(order[first_step * batch_size :])
        batches = rest.batch(batch_size).enumerate(first_step)
        return batches.map(gather, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)

    return make
