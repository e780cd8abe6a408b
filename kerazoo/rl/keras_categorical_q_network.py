"""A Keras 3 model as the network of a distributional Q-learner (C51)."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from kerazoo.errors import ConfigError
from kerazoo.rl.keras_network import KerasNetwork


class KerasCategoricalQNetwork(KerasNetwork):
    """Logits of the return's distribution over fixed atoms, for `CategoricalDqnAgent`.

    Arguments as `KerasNetwork`; the model returns logits `(batch, actions, atoms)`. Which return
    each atom stands for is the agent's matter (`min_q_value`, `max_q_value`). Source: Bellemare,
    Dabney, Munos 2017, arXiv:1707.06887.

    Raises:
        ConfigError: as `KerasNetwork`, and where the model returns another shape.

    >>> import tensorflow as tf
    >>> inputs = keras.Input((4,))
    >>> logits = keras.layers.Reshape((2, 51))(keras.layers.Dense(2 * 51)(inputs))
    >>> spec = tf.TensorSpec((4,), tf.float32)
    >>> kerazoo.rl.KerasCategoricalQNetwork(keras.Model(inputs, logits), spec).num_atoms
    51
    """

    @property
    def num_atoms(self) -> int:
        """Atoms of each action's distribution."""
        return int(self.model.output_shape[-1])

    def _head(self, outputs: Any) -> tf.Tensor:
        if not tf.is_tensor(outputs) or outputs.shape.rank < 3:
            raise ConfigError(
                f"A categorical Q-network's model must return (batch, actions, atoms). The model "
                f"{self.model.name!r} returns {getattr(outputs, 'shape', type(outputs).__name__)}."
            )
        return outputs
