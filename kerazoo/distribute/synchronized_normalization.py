"""BatchNormalization over the global batch, wherever it is in a model.

Keras's `synchronized=True` takes the variance as the mean square less the squared mean: where the
mean is large, digits are lost that a single device keeps (all but two, of inputs around 300 with a
variance of 1). It also leaves masked inputs to each replica. So the moments are computed here as on
one device, the mean first; that is also two exchanges instead of three.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from kerazoo.notices import notice

if TYPE_CHECKING:
    import keras


def synchronize_normalization(model: keras.Model, replicas: int) -> None:
    """Let all BatchNormalization layers of `model` normalize by the global batch, and say so once.

    Else each replica normalizes by its own part of the batch, and keeps moving statistics that
    differ from the others': results would depend on the number of replicas, and a saved model on
    who saved it. In a saved model `synchronized` does nothing, unless it is trained on several
    replicas again.
    """
    import keras

    found = model._flatten_layers()
    layers = [layer for layer in found if isinstance(layer, keras.layers.BatchNormalization)]
    for layer in layers:
        layer.synchronized = True
        layer._moments = _global_moments(layer)
    if layers:
        notice(
            f"{model.name}: its {len(layers)} BatchNormalization layers take their statistics over "
            f"all {replicas} replicas (synchronized=True), so that the results are those of one "
            f"device."
        )


def _global_moments(layer: keras.layers.BatchNormalization) -> Callable[[Any, Any], Any]:
    """`layer._moments` over all replicas: (mean, variance), each `(channels,)`."""
    import keras
    import tensorflow as tf

    keras_moments = layer._moments

    def moments(inputs: tf.Tensor, mask: tf.Tensor | None) -> tuple[tf.Tensor, tf.Tensor]:
        replica = tf.distribute.get_replica_context()
        if replica is None or replica.num_replicas_in_sync == 1:
            return keras_moments(inputs, mask)

        def total(values: tf.Tensor) -> tf.Tensor:
            if mask is not None:
                values = tf.where(mask[..., tf.newaxis], values, 0.0)
            return tf.reduce_sum(values, layer._reduction_axes)

        ones = tf.ones_like(inputs)
        sums, counts = replica.all_reduce("sum", [total(inputs), total(ones)])
        if mask is not None:
            counts += keras.backend.epsilon()  # as Keras does
        mean = sums / counts
        shape = [1] * inputs.shape.rank
        shape[layer.axis] = inputs.shape[layer.axis]
        squares = total(tf.math.squared_difference(inputs, tf.reshape(mean, shape)))
        return mean, replica.all_reduce("sum", squares) / counts

    return moments
