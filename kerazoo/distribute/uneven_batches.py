"""Global batches split over replicas so that any length gives a single device's numbers.

Keras counts each replica's mean loss 1 / replicas, which is right where all have as many samples;
TensorFlow, besides, hands a replica nothing where a batch is short, and convolutions fail on that.
Here a part knows what it counts:

- `samples >= replicas`: parts differ by one sample at most, and the loss of a part of n among N
  counts replicas * n / N times what Keras gives it. Regularization, the same on all, adds up to 1.
  A mean over what a mask leaves has a count of its own: masked_means.py.
- `samples < replicas`: every replica computes the whole batch, which is small. The mean over
  replicas is its loss, statistics over all replicas are its statistics, and only the first replica
  counts it in metrics and predictions.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, NamedTuple

from kerazoo.datasets.dataset_chance import is_unordered, is_unseeded
from kerazoo.errors import ConfigError

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

    Raises:
        ConfigError: there are several workers, and each would have other batches.
    """
    import tensorflow as tf

    def local_parts(context: tf.distribute.InputContext) -> tf.data.Dataset:
        replicas, workers = context.num_replicas_in_sync, context.num_input_pipelines
        if workers > 1:
            _check_is_the_same_everywhere(dataset)
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


def _check_is_the_same_everywhere(dataset: tf.data.Dataset) -> None:
    """Parts of batches that differ between workers are no batch: some samples twice, some never."""
    if is_unseeded(dataset):
        raise ConfigError(
            "Each worker would take its part of other batches: the data is shuffled or drawn "
            "without a seed (`fit` shuffles arrays), or runs Python that may. Call "
            "keras.utils.set_random_seed(...) with one number on all workers before the dataset "
            "is made and before `fit`, or pass shuffle=False."
        )
    if is_unordered(dataset):
        raise ConfigError(
            "Each worker would take its part of other batches: the dataset does not keep an "
            "order. Remove deterministic=False from it and from its options."
        )


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
