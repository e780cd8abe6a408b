"""How many replicas share a step, under tf.distribute."""

from __future__ import annotations

import keras


def replicas_in_sync() -> int:
    """Number of replicas whose gradients are added up; 1 outside of tf.distribute.

    Each replica's loss is a mean over its own part of the batch, so it counts 1 / this number.
    """
    if keras.backend.backend() != "tensorflow":
        return 1
    import tensorflow as tf

    return int(tf.distribute.get_strategy().num_replicas_in_sync)
