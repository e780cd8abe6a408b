"""A loop's batches as replicas take them, of which no worker makes more than it has to."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from kerazoo.datasets import Batches, arrays
from kerazoo.distribute.uneven_batches import Part
from kerazoo.distribute.workers import Workers
from kerazoo.training.batch_source import BatchSource


def distributed_batches(workers: Workers, source: BatchSource, epoch: int, step: int) -> Any:
    """The batches of `source` from there on, for the strategy of `workers`.

    Of `Batches` each worker gathers and distorts its own part alone, if it is one replica and no
    batch has fewer samples than there are replicas. All else is made by every worker, then cut.
    """
    strategy = workers.strategy
    alone = workers.count > 1 and workers.count == strategy.num_replicas_in_sync
    if alone and isinstance(source, Batches) and _last_batch(source) >= workers.count:
        parts = _without_end(_own_parts(source, workers, epoch, step))
        return strategy.distribute_datasets_from_function(lambda _: parts)
    batches = source.starting_at(epoch, step)
    # Known not to end, it spares the workers asking each other in every step.
    batches = _without_end(batches) if workers.count > 1 else batches
    return strategy.experimental_distribute_dataset(batches)


def even_batch_size(samples: int, replicas: int, most: int) -> int | None:
    """The largest batch that the samples divide into and that divides among the replicas, for
    TPUs, which compile anew for every other shape; None where there is none of at most `most`.

    >>> even_batch_size(10_000, replicas=8, most=256)
    200
    """
    sizes = range(replicas, most + 1, replicas)
    return max((size for size in sizes if samples % size == 0), default=None)


def _own_parts(source: Batches, workers: Workers, epoch: int, step: int) -> tf.data.Dataset:
    steps, last = len(source), _last_batch(source)

    def as_part(number: tf.Tensor, data: Any) -> Part:
        samples = tf.where((number + 1) % steps == 0, last, source.batch_size)
        own = tf.shape(tf.nest.flatten(data)[0])[0]  # inputs may be several, by name
        fraction = own / samples
        return Part(data, fraction * workers.count, fraction, tf.cast(own, tf.int64))

    stream = source.part(workers.index, workers.count).starting_at(epoch, step)
    return stream.enumerate(epoch * steps + step).map(as_part)


def _last_batch(source: Batches) -> int:
    """Samples in the last batch of an epoch, the smallest one."""
    rest = arrays.count(source.inputs) % source.batch_size
    return rest if rest and source.last_batch == "smaller" else source.batch_size


def _without_end(dataset: tf.data.Dataset) -> tf.data.Dataset:
    return dataset.apply(tf.data.experimental.assert_cardinality(tf.data.INFINITE_CARDINALITY))
