"""NT-Xent, the loss of SimCLR (Chen, Kornblith, Norouzi, Hinton 2020, arXiv:2002.05709)."""

from __future__ import annotations

from typing import Any

from keras import ops

from kerazoo.layers.cosine_classifier import normalized


def nt_xent(projections: Any, temperature: float) -> tuple[Any, Any]:
    """The loss of every view, -log of exp(s(i, j) / T) / sum over k != i of exp(s(i, k) / T).

    s is the cosine, j the other view of i's sample, k every view of the global batch: on several
    replicas their projections are gathered (and gradients flow back to all of them).

    Args:
        projections: `(2 * samples, units)`, all first views, then all second ones.
        temperature: T, above 0.

    Returns: two float32 tensors `(2 * samples,)`: the losses, in nats; 1.0 where j is nearest to i.
    """
    views = normalized(ops.cast(projections, "float32"), axis=-1)
    count = ops.shape(views)[0]
    everyone, first = _gather(views, count)
    own = first + ops.arange(count)
    other = first + (ops.arange(count) + count // 2) % count
    similarity = ops.matmul(views, ops.transpose(everyone)) / temperature
    itself = ops.expand_dims(own, 1) == ops.expand_dims(ops.arange(ops.shape(everyone)[0]), 0)
    similarity = ops.where(itself, -1e9, similarity)
    losses = ops.sparse_categorical_crossentropy(other, similarity, from_logits=True)
    return losses, ops.cast(ops.argmax(similarity, axis=-1) == other, "float32")


def _gather(views: Any, count: Any) -> tuple[Any, Any]:
    """The views of all replicas, and the number among them of this replica's first."""
    import tensorflow as tf

    replica = tf.distribute.get_replica_context()
    if replica.num_replicas_in_sync == 1:
        return views, 0
    counts = replica.all_gather(tf.reshape(count, [1]), axis=0)
    first = tf.reduce_sum(counts[: replica.replica_id_in_sync_group])
    return replica.all_gather(views, axis=0), first
