"""A Keras 3 model as a value network of TF-Agents."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from kerazoo.errors import ConfigError
from kerazoo.rl.keras_network import KerasNetwork


class KerasValueNetwork(KerasNetwork):
    """State values V(s), for PPO and for REINFORCE with a baseline.

    Arguments as `KerasNetwork`; the model returns `(batch, 1)`, the network `(batch,)`.

    Raises:
        ConfigError: as `KerasNetwork`, and where the model returns another shape.

    >>> import tensorflow as tf
    >>> inputs = keras.Input((4,))
    >>> model = keras.Model(inputs, keras.layers.Dense(1)(inputs))
    >>> network = kerazoo.rl.KerasValueNetwork(model, tf.TensorSpec((4,), tf.float32))
    >>> network(tf.zeros((3, 4)))[0].shape
    TensorShape([3])
    """

    def _head(self, outputs: Any) -> tf.Tensor:
        if not tf.is_tensor(outputs) or outputs.shape.rank < 2 or outputs.shape[-1] != 1:
            raise ConfigError(
                f"A value network's model must return (batch, 1). The model {self.model.name!r} "
                f"returns {getattr(outputs, 'shape', type(outputs).__name__)}."
            )
        return tf.squeeze(outputs, axis=-1)
