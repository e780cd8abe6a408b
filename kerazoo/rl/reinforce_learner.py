"""REINFORCE: a policy gradient on whole episodes, perhaps with values as a baseline."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf
from tf_agents.agents.reinforce.reinforce_agent import ReinforceAgent
from tf_agents.environments import tf_environment
from tf_agents.trajectories import TimeStep

from kerazoo.rl.actor_learner import ActorLearner
from kerazoo.zoo.agent_config import Reinforce, Reinforcement


class ReinforceLearner(ActorLearner):
    """Rounds of new episodes in all environments, run until each has ended one, then one update.

    Returns are sums of rewards, whichever way an episode ended: nothing is estimated after it.
    """

    def __init__(
        self,
        model: keras.Model,
        recipe: Reinforcement,
        environment: tf_environment.TFEnvironment,
        *,
        seed: int,
    ):
        super().__init__(recipe, environment, seed)
        settings = recipe.agent
        assert isinstance(settings, Reinforce)
        actor = self.make_actor(model)
        values = settings.value_model and self.make_value_network(settings.value_model)
        self.agent = ReinforceAgent(
            environment.time_step_spec(),
            environment.action_spec(),
            actor_network=actor,
            optimizer=self.optimizer,
            value_network=values,
            value_estimation_loss_coef=settings.value_coefficient,
            gamma=settings.discount,
            entropy_regularization=settings.entropy or None,
            gradient_clipping=settings.gradient_clipping,
            train_step_counter=tf.Variable(0, trainable=False, dtype=tf.int64),
        )
        trained = actor.trainable_variables
        self.build_optimizer(trained + (values.trainable_variables if values else []))

    @property
    def round_steps(self) -> int:
        """At least one of each environment."""
        return self.environment.batch_size

    def rounds_within(self, steps: int) -> int:
        """One: how long its episodes are is not known before. The last round may pass the limit."""
        return 1

    @tf.function(autograph=False)
    def rounds(self, time_step: TimeStep, count: tf.Tensor) -> tuple[TimeStep, tf.Tensor]:
        """Collect and learn `count` times."""

        def body(number: Any, _: TimeStep, __: Any) -> Any:
            experience, after = self.collector.collect_episodes(self.environment.reset())
            experience = tf.nest.map_structure(_batch_first, experience)
            self.set_learning_rate()
            loss = self.agent.train(experience).loss
            self.updates.assign_add(1)
            return number + 1, after, loss

        _, time_step, loss = tf.while_loop(
            lambda number, *_: number < count, body, (0, time_step, 0.0), parallel_iterations=1
        )
        return time_step, loss


def _batch_first(x: tf.Tensor) -> tf.Tensor:
    return tf.transpose(x, [1, 0, *range(2, x.shape.rank)])
