"""Deep Q-learning: DQN, Double DQN and C51, from a replay buffer."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf
from tf_agents.agents.categorical_dqn.categorical_dqn_agent import CategoricalDqnAgent
from tf_agents.agents.dqn.dqn_agent import DdqnAgent, DqnAgent
from tf_agents.environments import tf_environment
from tf_agents.trajectories import PolicyStep, TimeStep

from kerazoo.errors import ConfigError
from kerazoo.rl.keras_categorical_q_network import KerasCategoricalQNetwork
from kerazoo.rl.keras_network import KerasNetwork
from kerazoo.rl.learner import Learner
from kerazoo.rl.replay_buffer import ReplayBuffer
from kerazoo.zoo.agent_config import CategoricalDeepQ, DeepQ, DoubleDeepQ, Reinforcement


class DeepQLearner(Learner):
    """Rounds of `collect_steps` steps with epsilon-greedy actions, then `updates` updates."""

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
        assert isinstance(settings, DeepQ)
        self.settings = settings
        self.agent = self._make_agent(model)
        self.agent.initialize()
        self.build_optimizer(self.agent._q_network.trainable_variables)
        self.buffer = ReplayBuffer(
            environment.time_step_spec(), environment.action_spec(), self.settings.replay_capacity
        )
        self._steps_each = max(1, self.settings.collect_steps // environment.batch_size)

    @property
    def round_steps(self) -> int:
        """Of all environments together."""
        return self._steps_each * self.environment.batch_size

    def variables(self) -> list[tf.Variable]:
        """The buffer's content among them."""
        return [*super().variables(), *self.buffer.variables]

    def act(self, time_step: TimeStep, seed: tf.Tensor) -> PolicyStep:
        """The greedy action, or a random one with the probability of the moment."""
        batch = self.environment.batch_size
        spec = self.environment.action_spec()
        greedy = self.agent.policy.action(time_step).action
        chance = tf.random.stateless_uniform((batch,), seed)
        random = tf.random.stateless_uniform(
            (batch,), seed + 1, maxval=int(spec.maximum) + 1, dtype=spec.dtype
        )
        action = tf.where(chance < self._epsilon(), random, greedy)
        return PolicyStep(action, (), ())

    @tf.function(autograph=False)
    def rounds(self, time_step: TimeStep, count: tf.Tensor) -> tuple[TimeStep, tf.Tensor]:
        """Collect and learn `count` times."""

        def body(number: Any, time_step: TimeStep, loss: Any) -> Any:
            experience, time_step = self.collector.collect(time_step, self._steps_each)
            self.buffer.add(experience, time_step)
            ready = self.collector.steps >= self.settings.learning_starts
            return number + 1, time_step, tf.cond(ready, self._learn, lambda: loss)

        _, time_step, loss = tf.while_loop(
            lambda number, *_: number < count, body, (0, time_step, 0.0), parallel_iterations=1
        )
        return time_step, loss

    def _learn(self) -> tf.Tensor:
        self.set_learning_rate()
        shape = (self.settings.updates, self.settings.batch_size)
        return self.train_on(self.buffer.sample(shape, self.collector.seed(1)))

    def _epsilon(self) -> tf.Tensor:
        exploration = self.settings.exploration
        done = tf.cast(self.collector.steps, tf.float32) / exploration.steps
        change = exploration.final - exploration.start
        return exploration.start + change * tf.minimum(done, 1.0)

    def _make_agent(self, model: keras.Model) -> DqnAgent:
        settings, spec = self.settings, self.environment.time_step_spec()
        shared = {
            "optimizer": self.optimizer,
            "target_update_period": settings.target_update_period,
            "target_update_tau": settings.target_update_tau,
            "gamma": settings.discount,
            "gradient_clipping": settings.gradient_clipping,
            "train_step_counter": tf.Variable(0, trainable=False, dtype=tf.int64),
        }
        actions = self.environment.action_spec()
        if isinstance(settings, CategoricalDeepQ):
            categorical = KerasCategoricalQNetwork(model, spec.observation)
            _check_outputs(model, actions, atoms=True)
            return CategoricalDqnAgent(
                spec,
                actions,
                categorical,
                min_q_value=settings.min_value,
                max_q_value=settings.max_value,
                **shared,
            )
        kind = DdqnAgent if isinstance(settings, DoubleDeepQ) else DqnAgent
        network = KerasNetwork(model, spec.observation)
        _check_outputs(model, actions, atoms=False)
        return kind(spec, actions, network, **shared)


def _check_outputs(model: keras.Model, spec: Any, *, atoms: bool) -> None:
    """Raise `ConfigError` where the model gives no number, or distribution, for each action."""
    actions, shape = int(spec.maximum) + 1, model.output_shape
    if isinstance(shape, tuple) and len(shape) == 2 + atoms and shape[1] == actions:
        return
    wanted = f"logits (batch, {actions}, atoms)" if atoms else f"Q-values (batch, {actions})"
    raise ConfigError(
        f"For the environment's {actions} actions the model must return {wanted}. {model.name!r} "
        f"returns {shape}: change model.arguments."
    )
