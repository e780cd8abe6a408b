"""What PPO and REINFORCE share: an actor that is sampled from, and perhaps a value network."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf
from tf_agents.trajectories import PolicyStep, TimeStep

from kerazoo.rl.keras_actor_distribution_network import KerasActorDistributionNetwork
from kerazoo.rl.keras_value_network import KerasValueNetwork
from kerazoo.rl.learner import Learner
from kerazoo.zoo.config import Model
from kerazoo.zoo.registry import check_arguments, find_builder


class ActorLearner(Learner):
    """Acts by drawing from the actor's distribution."""

    def act(self, time_step: TimeStep, seed: tf.Tensor) -> PolicyStep:
        """An action drawn, with what the agent wants to know of it later."""
        step = self.agent.collect_policy.distribution(time_step)
        actions = tf.nest.map_structure(
            lambda distribution: distribution.sample(seed=tf.cast(seed, tf.int32)),
            step.action,
            expand_composites=False,
        )
        return PolicyStep(actions, (), step.info)

    def make_actor(self, model: keras.Model, **options: Any) -> KerasActorDistributionNetwork:
        """The model as this environment's actor."""
        return KerasActorDistributionNetwork(
            model,
            self.environment.observation_spec(),
            self.environment.action_spec(),
            **options,
        )

    def make_value_network(self, config: Model) -> KerasValueNetwork:
        """A fresh value network, as the recipe describes it."""
        builder = find_builder(config.builder)
        check_arguments(builder, config.arguments)
        return KerasValueNetwork(builder(**config.arguments), self.environment.observation_spec())
