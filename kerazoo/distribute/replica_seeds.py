"""Random numbers of which each replica has its own: other dropout masks, other mixing partners.

Keras's seed generators count alike on all replicas, so that all would draw the same numbers in each
step, as would workers that share a seed. keras/src/random/seed_generator.py, Keras 3.15.1.
"""

from __future__ import annotations

from typing import Any

from kerazoo.global_batch import is_counting

_MARK = "_kerazoo_differs_by_replica"
_APART = 1_000_003  # seeds of one program are seldom so far from each other


def draw_by_replica() -> None:
    """Make Keras's seed generators do so; once is enough. Outside of steps on parts of a batch, and
    on the first replica, they give what they gave before. What they keep, and a checkpoint saves,
    is the same on all replicas as before."""
    import keras
    import tensorflow as tf

    keras_gives = keras.random.SeedGenerator.next
    if hasattr(keras_gives, _MARK):
        return

    def next_seed(self: Any, ordered: bool = True) -> Any:
        seed = keras_gives(self, ordered)
        replica = tf.distribute.get_replica_context()
        if replica is None or not is_counting():
            return seed
        number = tf.cast(replica.replica_id_in_sync_group, seed.dtype)
        return seed + tf.stack([number * _APART, tf.zeros_like(number)])

    setattr(next_seed, _MARK, True)
    keras.random.SeedGenerator.next = next_seed
