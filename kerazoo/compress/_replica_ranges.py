"""Ranges of values that are spread over the replicas of a training step."""

from __future__ import annotations

from typing import Any

from keras import ops


def range_over_replicas(low: Any, high: Any) -> tuple[Any, Any]:
    """The lowest `low` and the highest `high` of all replicas, scalars; without replicas, these."""
    ends = gathered(ops.stack([low, high]))
    ends = ops.reshape(ends, (-1, 2))
    return ops.min(ends[:, 0]), ops.max(ends[:, 1])


def gathered(values: Any) -> Any:
    """`(values,)` of each replica, one behind the other: the same tensor on all of them."""
    import tensorflow as tf

    replica = tf.distribute.get_replica_context()
    if replica is None or replica.num_replicas_in_sync == 1:
        return values
    return ops.reshape(replica.all_gather(values, axis=0), (-1,))  # which forgets its rank
