"""A Keras 3 model as an actor: observations in, a distribution over actions out."""

from __future__ import annotations

import math
from typing import Any

import tensorflow as tf
import tensorflow_probability as tfp
from tf_agents.specs import tensor_spec

from kerazoo.argument_checks import check_number
from kerazoo.errors import ConfigError
from kerazoo.rl.keras_network import KerasNetwork, ModelOrBuilder


class KerasActorDistributionNetwork(KerasNetwork):
    """An actor for PPO and REINFORCE, of discrete or of continuous actions.

    Discrete: the model returns logits `(batch, actions)`, the network a categorical distribution.
    Continuous: the model returns means `(batch, *action shape)`, in the units of the actions, and
    the network a normal distribution around them. Its standard deviation is one variable per
    action, the same in all states, which is learned too; a model that returns a pair `(means, log
    of standard deviations)` decides on it itself.

    Args:
        model: as for `KerasNetwork`.
        input_spec: as for `KerasNetwork`.
        action_spec: `environment.action_spec()`: a scalar integer from 0, or floats.
        initial_std: of continuous actions, above 0, in their units.
        name: of the network.

    Raises:
        ConfigError: as `KerasNetwork`; the output does not fit the actions, there are several
            discrete ones, or `initial_std` is out of range.

    >>> import tensorflow as tf
    >>> from tf_agents.specs import BoundedTensorSpec
    >>> inputs = keras.Input((4,))
    >>> model = keras.Model(inputs, keras.layers.Dense(2, "softplus")(inputs))
    >>> actions = BoundedTensorSpec((), tf.int64, 0, 1)
    >>> observations = tf.TensorSpec((4,), tf.float32)
    >>> actor = kerazoo.rl.KerasActorDistributionNetwork(model, observations, actions)
    >>> distribution, state = actor(tf.zeros((3, 4)))
    >>> distribution.probs_parameter()[0].numpy()
    array([0.5, 0.5], dtype=float32)
    """

    def __init__(
        self,
        model: ModelOrBuilder,
        input_spec: Any,
        action_spec: Any,
        initial_std: float = 1.0,
        name: str = "KerasActorDistributionNetwork",
    ):
        action_spec = tensor_spec.from_spec(action_spec)
        if not isinstance(action_spec, tf.TypeSpec):
            raise ConfigError("`action_spec` must be one spec, not a structure of them.")
        if not action_spec.dtype.is_floating and action_spec.shape.rank != 0:
            raise ConfigError(
                f"Discrete actions must be one choice, not several. Received: {action_spec}."
            )
        check_number("initial_std", initial_std, above=0)
        self._set_untracked("action_spec", action_spec)
        self._set_untracked("log_std", None)
        if action_spec.dtype.is_floating:
            start = tf.fill(action_spec.shape, math.log(initial_std))
            self._set_untracked("log_std", tf.Variable(start, name="log_std"))
        super().__init__(model, input_spec, name=name)
        if isinstance(self.model.output, list | tuple):
            self._set_untracked("log_std", None)
        elif self.log_std is not None:
            self._tracked_values = [*self._tracked_values, self.log_std]

    @property
    def variables(self) -> list[tf.Variable]:
        """The model's variables, and the logarithm of the standard deviation."""
        return super().variables + self._own_variables

    @property
    def trainable_variables(self) -> list[tf.Variable]:
        """Those that an optimizer changes."""
        return super().trainable_variables + self._own_variables

    weights = variables
    trainable_weights = trainable_variables

    @property
    def _own_variables(self) -> list[tf.Variable]:
        return [] if self.log_std is None else [self.log_std]

    def _head(self, outputs: Any) -> tfp.distributions.Distribution:
        if self.action_spec.dtype.is_floating:
            return self._normal(outputs)
        actions = int(self.action_spec.maximum) + 1
        if not tf.is_tensor(outputs) or outputs.shape[-1] != actions:
            raise self._misfit(f"logits (batch, {actions})", outputs)
        return tfp.distributions.Categorical(logits=outputs, dtype=self.action_spec.dtype)

    def _normal(self, outputs: Any) -> tfp.distributions.Distribution:
        means, log_std = outputs if isinstance(outputs, list | tuple) else (outputs, self.log_std)
        shape = self.action_spec.shape
        if shape.rank != 1 or means.shape[-1] != shape[-1]:
            raise self._misfit(f"means (batch, {', '.join(map(str, shape))})", outputs)
        std = tf.broadcast_to(tf.exp(log_std), tf.shape(means))
        std = tf.ensure_shape(std, means.shape)
        return tfp.distributions.MultivariateNormalDiag(loc=means, scale_diag=std)

    def _misfit(self, expected: str, outputs: Any) -> ConfigError:
        return ConfigError(
            f"An actor's model for these actions must return {expected}. The model "
            f"{self.model.name!r} returns {getattr(outputs, 'shape', type(outputs).__name__)}."
        )
