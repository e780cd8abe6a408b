"""What an algorithm adds to a TF-Agents agent: acting, and one compiled round of learning."""

from __future__ import annotations

import abc
from typing import Any

import tensorflow as tf
from tf_agents.agents import tf_agent
from tf_agents.environments import tf_environment
from tf_agents.trajectories import PolicyStep, TimeStep

from kerazoo.rl.collector import Collector
from kerazoo.zoo.agent_config import AgentOptimizer, Reinforcement


class Learner(abc.ABC):
    """A TF-Agents agent, the environment that it collects in, and how it learns from that.

    Attributes:
        agent: of TF-Agents, around Keras 3 networks.
        optimizer: of Keras 2, as TF-Agents takes it.
        collector: acts and counts the steps.
        updates: of the networks so far.
    """

    agent: tf_agent.TFAgent

    def __init__(self, recipe: Reinforcement, environment: tf_environment.TFEnvironment, seed: int):
        self.recipe = recipe
        self.environment = environment
        self.optimizer = _make_optimizer(recipe.optimizer)
        self.collector = Collector(environment, self.act, seed=seed)
        self.updates = tf.Variable(0, trainable=False, dtype=tf.int64)

    @property
    @abc.abstractmethod
    def round_steps(self) -> int:
        """Steps of all environments together in a round; of an unknown number, the least."""

    @abc.abstractmethod
    def act(self, time_step: TimeStep, seed: tf.Tensor) -> PolicyStep:
        """What to do while collecting, with exploration."""

    @abc.abstractmethod
    def rounds(self, time_step: TimeStep, count: int) -> tuple[TimeStep, tf.Tensor]:
        """Collect and learn `count` times. Returns the time step after it, and the last loss."""

    def rounds_within(self, steps: int) -> int:
        """How many rounds, at least one, do not go beyond so many steps of all environments."""
        return max(1, steps // self.round_steps)

    def variables(self) -> list[tf.Variable]:
        """Everything that the next round depends on, but the environments."""
        own = [self.collector.steps, self.updates]
        return [*own, *self.agent.variables, *self.optimizer.variables]

    def build_optimizer(self, variables: list[tf.Variable]) -> None:
        """Create its state now: a checkpoint may be read before the first update."""
        self.optimizer.build(variables)

    def set_learning_rate(self) -> None:
        """By the steps done; part of the compiled round."""
        recipe = self.recipe
        if recipe.optimizer.decay == "linear":
            left = 1 - tf.cast(self.collector.steps, tf.float32) / recipe.steps
            self.optimizer.learning_rate.assign(
                recipe.optimizer.learning_rate * tf.maximum(left, 0.0)
            )

    def train_on(self, batches: Any) -> tf.Tensor:
        """One update on each of `(number, batch, time, ...)`; returns the last one's loss.

        Compiled by XLA: for networks of this size that is several times as fast.
        """
        number = tf.nest.flatten(batches)[0].shape[0]

        @tf.function(jit_compile=True, autograph=False)
        def train(batches: Any) -> tf.Tensor:
            def body(index: tf.Tensor, _: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
                batch = tf.nest.map_structure(lambda x: x[index], batches)
                return index + 1, self.agent.train(batch).loss

            return tf.while_loop(lambda index, _: index < number, body, (0, 0.0))[1]

        loss = train(batches)
        self.updates.assign_add(number)
        return loss


def _make_optimizer(config: AgentOptimizer) -> Any:
    return tf.keras.optimizers.Adam(config.learning_rate, epsilon=config.epsilon)
