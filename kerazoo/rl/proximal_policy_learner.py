"""PPO: a clipped policy gradient on fresh experience, several passes over it."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf
from tf_agents.agents.ppo.ppo_clip_agent import PPOClipAgent
from tf_agents.environments import tf_environment
from tf_agents.trajectories import StepType, TimeStep, Trajectory

from kerazoo.errors import ConfigError
from kerazoo.rl.actor_learner import ActorLearner
from kerazoo.rl.advantages import generalized_advantages
from kerazoo.zoo.agent_config import ProximalPolicy, Reinforcement


class ProximalPolicyLearner(ActorLearner):
    """Rounds of `collect_steps` steps of each environment, then `epochs` passes over them."""

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
        assert isinstance(settings, ProximalPolicy)
        self.settings = settings
        if settings.batch_size > self.round_steps:
            raise ConfigError(
                f"reinforcement.agent.batch_size must not exceed the {self.round_steps} steps of a "
                f"round. Received: {settings.batch_size}."
            )
        actor = self.make_actor(model, initial_std=settings.initial_std)
        values = self.make_value_network(settings.value_model)
        self.agent = PPOClipAgent(
            environment.time_step_spec(),
            environment.action_spec(),
            optimizer=self.optimizer,
            actor_net=actor,
            value_net=values,
            importance_ratio_clipping=settings.clip,
            discount_factor=settings.discount,
            lambda_value=settings.gae_lambda,
            entropy_regularization=settings.entropy,
            value_pred_loss_coef=settings.value_coefficient,
            gradient_clipping=settings.gradient_clipping,
            num_epochs=1,  # the passes are this class's
            normalize_rewards=False,
            normalize_observations=False,
            compute_value_and_advantage_in_train=False,
            update_normalizers_in_train=False,
            train_step_counter=tf.Variable(0, trainable=False, dtype=tf.int64),
        )
        # In the order of the agent's own gradients.
        trained = actor.trainable_variables + values.trainable_variables
        self.build_optimizer(sorted(trained, key=lambda variable: variable.name))

    @property
    def round_steps(self) -> int:
        """Of all environments together."""
        return self.settings.collect_steps * self.environment.batch_size

    @tf.function(autograph=False)
    def rounds(self, time_step: TimeStep, count: tf.Tensor) -> tuple[TimeStep, tf.Tensor]:
        """Collect and learn `count` times."""

        def body(number: Any, time_step: TimeStep, _: Any) -> Any:
            experience, time_step = self.collector.collect(time_step, self.settings.collect_steps)
            self.set_learning_rate()
            return number + 1, time_step, self.train_on(self._batches(experience, time_step))

        _, time_step, loss = tf.while_loop(
            lambda number, _, __: number < count, body, (0, time_step, 0.0), parallel_iterations=1
        )
        return time_step, loss

    def _batches(self, experience: Trajectory, after: TimeStep) -> Trajectory:
        """The steps in a new order for each pass, `(updates, batch, 1, ...)`."""
        settings, steps = self.settings, self.round_steps
        experience = self._with_advantages(experience, after)
        each = steps // settings.batch_size
        chance = tf.random.stateless_uniform((settings.epochs, steps), self.collector.seed(1))
        order = tf.argsort(chance)[:, : each * settings.batch_size]
        order = tf.reshape(order, (settings.epochs * each, settings.batch_size, 1))
        return tf.nest.map_structure(
            lambda x: tf.gather(tf.reshape(x, (steps, *x.shape[2:])), order), experience
        )

    def _with_advantages(self, experience: Trajectory, after: TimeStep) -> Trajectory:
        info = experience.policy_info
        last_value = self.agent.collect_policy.apply_value_network(
            after.observation, after.step_type
        )[0]
        values = tf.concat([info["value_prediction"], last_value[None]], axis=0)
        advantages = generalized_advantages(
            experience.reward,
            experience.discount,
            tf.equal(experience.next_step_type, StepType.LAST),
            values,
            discount=self.settings.discount,
            gae_lambda=self.settings.gae_lambda,
        )
        info = {**info, "advantage": advantages, "return": advantages + values[:-1]}
        return experience.replace(policy_info=info)
