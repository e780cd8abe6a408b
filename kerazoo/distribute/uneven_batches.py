"""Global batches split over replicas so that any length gives a single device's numbers.

Keras counts each replica's mean loss 1 / replicas, which is right where all have as many samples;
TensorFlow, besides, hands a replica nothing where a batch is short, and convolutions fail on that.
Here a part knows what it counts:

- `samples >= replicas`: parts differ by one sample at most, and the loss of a part of n among N
  counts replicas * n / N times what Keras gives it. Regularization, the same on all, adds up to 1.
  A mean over what a mask leaves has a count of its own: `share_of`, masked_means.py.
- `samples < replicas`: every replica computes the whole batch, which is small. The mean over
  replicas is its loss, statistics over all replicas are its statistics, and only the first replica
  counts it in metrics and predictions.
"""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import tensorflow as tf


class Part(NamedTuple):
    """One replica's part of a global batch.

    Attributes:
        data: the samples, in the batch's structure.
        share: float64 scalar: by what the replica's loss is multiplied, 1 where parts are even.
        fraction: float64 scalar: of the batch's samples, those that are in `data`.
        counted: int64 scalar: how many of the samples this replica reports; all of them, or none.
    """

    data: Any
    share: Any
    fraction: Any
    counted: Any


def split_batches(strategy: tf.distribute.Strategy, dataset: tf.data.Dataset) -> Any:
    """`dataset` of global batches as a distributed one of `Part`s, in the order in which Keras puts
    the replicas' predictions together: local replica j of worker w has part j * workers + w.

    Every worker goes through the whole dataset, and keeps its own parts.
    """
    import tensorflow as tf

    def local_parts(context: tf.distribute.InputContext) -> tf.data.Dataset:
        replicas, workers = context.num_replicas_in_sync, context.num_input_pipelines
        own = range(context.input_pipeline_id, replicas, workers)

        def split(*batch: Any) -> tf.data.Dataset:
            parts = [_part(_element(batch), number, replicas) for number in own]
            datasets = [tf.data.Dataset.from_tensors(part) for part in parts]
            return functools.reduce(tf.data.Dataset.concatenate, datasets)

        if len(own) == 1:  # the same in one step instead of three
            parts = dataset.map(
                lambda *batch: _part(_element(batch), own[0], replicas),
                num_parallel_calls=tf.data.AUTOTUNE,
                deterministic=True,
            )
        else:
            parts = dataset.flat_map(split)
        if dataset.cardinality() == tf.data.INFINITE_CARDINALITY:
            # Known not to end, it spares the workers asking each other in every step.
            parts = parts.apply(
                tf.data.experimental.assert_cardinality(tf.data.INFINITE_CARDINALITY)
            )
        return parts.prefetch(tf.data.AUTOTUNE)

    return strategy.distribute_datasets_from_function(local_parts)


def _element(arguments: tuple[Any, ...]) -> Any:
    """What tf.data hands to a function as one argument, or, where it is a tuple, as several."""
    return arguments[0] if len(arguments) == 1 else arguments


def _part(batch: Any, number: int, replicas: int) -> Part:
    """Part `number` of `replicas`."""
    import tensorflow as tf

    samples = _samples(batch)
    is_split = samples >= replicas
    size, rest = samples // replicas, samples % replicas
    start = tf.where(is_split, number * size + tf.minimum(rest, number), 0)
    count = tf.where(is_split, size + tf.cast(number < rest, tf.int64), samples)
    fraction = count / samples
    share = tf.where(is_split, fraction * replicas, tf.ones_like(fraction))
    counted = tf.where(is_split, count, samples if number == 0 else 0)
    data = tf.nest.map_structure(lambda tensor: _slice(tensor, start, count), batch)
    return Part(data, share, fraction, counted)


def _samples(batch: Any) -> Any:
    """Length of a batch's first axis, int64."""
    import tensorflow as tf

    for tensor in tf.nest.flatten(batch):
        if isinstance(tensor, tf.RaggedTensor):
            return tf.cast(tensor.nrows(), tf.int64)
        if isinstance(tensor, tf.Tensor | tf.SparseTensor) and tensor.shape.rank != 0:
            return tf.shape(tensor, out_type=tf.int64)[0]
    raise TypeError("A batch without tensors.")


def _slice(tensor: Any, start: Any, count: Any) -> Any:
    """`count` samples from `start` on. What has no samples (None's stand-in, scalars) stays."""
    import tensorflow as tf

    if isinstance(tensor, tf.SparseTensor):
        shape = tensor.dense_shape
        begin = tf.concat([[start], tf.zeros_like(shape[1:])], 0)
        return tf.sparse.slice(tensor, begin, tf.concat([[count], shape[1:]], 0))
    if isinstance(tensor, tf.RaggedTensor):
        return tensor[start : start + count]
    if isinstance(tensor, tf.Tensor) and tensor.shape.rank != 0:
        return tensor[start : start + count]
    return tensor


_step = threading.local()  # each replica of a MirroredStrategy is traced in a thread of its own


@contextlib.contextmanager
def counting(part: Part) -> Iterator[None]:
    """Inside, losses count as those of `part`."""
    before = vars(_step).copy()
    _step.share, _step.fraction, _step.scaled = part.share, part.fraction, set()
    _step.counted = part.counted
    try:
        yield
    finally:
        vars(_step).clear()
        vars(_step).update(before)


def is_counting() -> bool:
    """Whether the step under way has a part of a batch, whose losses count as such."""
    return hasattr(_step, "share")


@contextlib.contextmanager
def means_of_their_own() -> Iterator[None]:
    """Inside, losses are as on a device alone. For steps that weight them themselves."""
    before = vars(_step).copy()
    vars(_step).clear()
    try:
        yield
    finally:
        vars(_step).update(before)


def share_of(count: Any) -> Any:
    """What this replica would have of all replicas' `count`s if it were spread like samples.

    For means over something else than samples, such as words: a sum over a part, divided by this
    instead of by the part's own count, adds up over replicas to the global batch's mean.

    Args:
        count: float32 scalar. Given back as it is where no step on a part of a batch is under way.
    """
    if not is_counting():
        return count
    import tensorflow as tf

    fraction = tf.cast(_step.fraction, tf.float32)
    both = tf.stack([tf.cast(count, tf.float32), fraction])
    total, fractions = tf.unstack(tf.distribute.get_replica_context().all_reduce("sum", both))
    return total * fraction / fractions


def fraction_here() -> Any:
    """Of the samples of the step under way, those that are on this replica: float32."""
    import tensorflow as tf

    replicas = tf.distribute.get_strategy().num_replicas_in_sync
    return tf.cast(getattr(_step, "fraction", 1 / replicas), tf.float32)


def scaled(loss: Any, optimizer: Any) -> Any:
    """This replica's loss as it counts in the step under way, about to be given to `optimizer`."""
    if not is_counting():
        return loss
    import tensorflow as tf

    _step.scaled.add(id(optimizer))
    return loss * tf.cast(_step.share, loss.dtype)


def scaled_gradients(gradients: list[Any], optimizer: Any) -> list[Any]:
    """Gradients as they count, if their loss was not scaled: a custom step may leave that out. It
    is exact unless replicas depend on each other's samples, as synchronized normalization does."""
    if not is_counting() or id(optimizer) in _step.scaled:
        return gradients
    import tensorflow as tf

    return [g if g is None else g * tf.cast(_step.share, g.dtype) for g in gradients]


def rows_counted_once(rows: Any) -> Any:
    """Rows of an embedding's gradient, about to be gathered from all replicas.

    Keras's optimizers square rows before they add them up. Where every replica has the whole batch,
    and with it a share of each row, the first one's are taken whole, and the others' are zeros.
    """
    if not is_counting():
        return rows
    import tensorflow as tf

    replicas = tf.distribute.get_strategy().num_replicas_in_sync
    is_whole = tf.logical_and(_step.fraction == 1, replicas > 1)
    weight = tf.where(is_whole, tf.where(_step.counted > 0, replicas, 0), 1)
    values = rows.values * tf.cast(weight, rows.values.dtype)
    return tf.IndexedSlices(values, rows.indices, rows.dense_shape)
