"""tf.data pipelines over arrays, in which chance depends on (seed, epoch, batch) alone.

The order of an epoch is a stateless shuffle, augmentation is stateless too: nothing has to be
stored to continue a run where it stopped; the same seed gives the same batches in every process.
Arrays stay in memory as they are (uint8 images are a quarter of float32) and are gathered by batch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from kerazoo.datasets.arrays import Arrays, count, shape
from kerazoo.datasets.augment import Augment, check_augment, distort_pair

if TYPE_CHECKING:
    import tensorflow as tf


LastBatch = Literal["smaller", "dropped", "padded"]


def repeatable_epoch(
    inputs: Arrays,
    targets: Arrays,
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
    elements = count(inputs) if batch_size is None else steps_per_epoch(count(inputs), batch_size)
    batches = batches.apply(tf.data.experimental.assert_cardinality(elements))
    return with_policy(batches.prefetch(tf.data.AUTOTUNE), "DATA")


def with_policy(dataset: tf.data.Dataset, policy: str) -> tf.data.Dataset:
    """Says how tf.distribute divides it among workers: "DATA": each takes its part of each batch.
    Left to itself it would look for files to divide, and say at length that there are none.

    And without tf.data's tuner, as Keras has it for a PyDataset: AUTOTUNE is then a number by the
    processors. In TensorFlow 2.21 letting go of an iterator can wait for the tuner's next turn,
    that is, as long as the iterator had lived, up to a minute (tests/datasets/test_pipeline.py)."""
    import tensorflow as tf

    options = tf.data.Options()
    options.autotune.enabled = False
    policies = tf.data.experimental.AutoShardPolicy
    options.experimental_distribute.auto_shard_policy = policies[policy]
    return dataset.with_options(options)


def steps_per_epoch(samples: int, batch_size: int, last_batch: LastBatch = "smaller") -> int:
    """Number of batches, the last one counted unless it is dropped."""
    return samples // batch_size if last_batch == "dropped" else -(-samples // batch_size)


def epoch_maker(
    inputs: Arrays,
    targets: Arrays,
    batch_size: int,
    *,
    shuffle: bool,
    augment: Augment | None,
    seed: int,
    last_batch: LastBatch = "smaller",
    part: tuple[int, int] = (0, 1),
) -> Any:
    """A function from an epoch's number (any int64) and a step to its batches from there on.

    `part`: (index, workers): of each batch the part that `part_of` gives that worker.
    """
    import tensorflow as tf

    if augment is not None:
        check_augment(augment, shape(inputs), shape(targets))
    samples = count(inputs)
    # Outside the mapped function, so that the graph refers to the arrays and does not copy them.
    with tf.device("CPU:0"):  # a GPU has better things to hold
        everything = tf.nest.map_structure(tf.constant, (inputs, targets))

    def make(epoch: tf.Tensor, first_step: Any) -> tf.data.Dataset:
        first_step = tf.cast(first_step, tf.int64)
        key = tf.stack([tf.constant(seed, tf.int64), epoch])
        order = tf.range(samples)
        if shuffle:
            order = tf.random.experimental.stateless_shuffle(order, key)
        if last_batch == "padded":  # to whole batches, with samples from the beginning
            total = steps_per_epoch(samples, batch_size) * batch_size
            order = tf.gather(order, tf.range(total) % samples)

        def gather(number: tf.Tensor, indices: tf.Tensor) -> tuple[Any, ...]:
            whole = indices.shape[0] or tf.shape(indices)[0]  # a number, where shapes are static
            first, stop = part_of(whole, *part)
            own = indices[first:stop]
            batch: tuple[Any, Any] = tf.nest.map_structure(
                lambda values: tf.gather(values, own), everything
            )
            if augment is not None:
                # A multiple of a large odd number, so that batches do not share keys with epochs.
                batch_key = key + tf.stack([number * 2_654_435_761, 0])
                batch = distort_pair(batch[0], batch[1], augment, batch_key, place=(first, whole))
            if last_batch != "padded":
                return batch
            places = number * batch_size + tf.range(first, stop, dtype=tf.int64)
            return *batch, tf.cast(places < samples, tf.float32)

        rest = tf.data.Dataset.from_tensor_slices(order[first_step * batch_size :])
        batches = rest.batch(batch_size, drop_remainder=last_batch != "smaller")
        return batches.enumerate(first_step).map(
            gather, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True
        )

    return make


def part_of(samples: Any, index: int, workers: int) -> tuple[Any, Any]:
    """The first sample, and that after the last, of worker `index`'s part of a batch.

    The parts are the batch, in its order, and differ in length by one at most; with more workers
    than samples some are empty. `samples`: an int, or an integer tensor.

    >>> [part_of(10, index, 4) for index in range(4)]
    [(0, 2), (2, 5), (5, 7), (7, 10)]
    """
    return samples * index // workers, samples * (index + 1) // workers
