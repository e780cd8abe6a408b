"""The step under way on a replica: which part of the global batch it has, and how that counts.

Set by the trainer (distribute/keras_trainer.py), asked by losses and optimizers. On one device, and
outside of steps, nothing is under way: then everything here gives back what it was given.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kerazoo.distribute.uneven_batches import Part

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
        count: float32 or float64 scalar, whose dtype the result has. Given back as it is where no
            step on a part of a batch is under way.
    """
    if not is_counting():
        return count
    import tensorflow as tf

    fraction = tf.cast(_step.fraction, count.dtype)
    both = tf.stack([count, fraction])
    total, fractions = tf.unstack(tf.distribute.get_replica_context().all_reduce("sum", both))
    return total * fraction / fractions


def rows_of_all(rows: Any) -> Any:
    """The rows that all replicas have of the batch under way, each counted once, in one order.

    For losses that compare samples with each other. Gradients find their way back to the replica
    that a row is from.

    Args:
        rows: tensor `(samples, ...)`: of each sample of this replica's part one. Given back as it
            is where no step on a part of a batch is under way.
    """
    if not is_counting():
        return rows
    import tensorflow as tf

    gathered = tf.distribute.get_replica_context().all_gather(rows[: _step.counted], axis=0)
    return tf.ensure_shape(gathered, (None, *rows.shape[1:]))  # which gathering forgets


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
