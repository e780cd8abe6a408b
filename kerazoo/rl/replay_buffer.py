"""The last transitions of all environments, in TensorFlow's memory."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
from tf_agents.trajectories import StepType, TimeStep, Trajectory


class ReplayBuffer:
    """A ring of `capacity` transitions (observation, action, reward, discount, next observation).

    Adding and sampling are TensorFlow operations, for use inside compiled functions, and what is
    drawn depends on the seed given and the content alone. Its memory is taken at once.

    Args:
        time_step_spec: of the environment.
        action_spec: of the environment.
        capacity: transitions, 1 or above.
    """

    def __init__(self, time_step_spec: TimeStep, action_spec: Any, capacity: int):
        specs = {
            "observation": time_step_spec.observation,
            "action": action_spec,
            "reward": time_step_spec.reward,
            "discount": time_step_spec.discount,
            "next_observation": time_step_spec.observation,
        }
        self.capacity = capacity
        self._rows = tf.nest.map_structure(
            lambda spec: tf.Variable(tf.zeros((capacity, *spec.shape), spec.dtype), False), specs
        )
        self._added = tf.Variable(0, trainable=False, dtype=tf.int64)

    @property
    def variables(self) -> list[tf.Variable]:
        """All of its state."""
        return [self._added, *tf.nest.flatten(self._rows)]

    def size(self) -> tf.Tensor:
        """How many transitions there are to draw from."""
        return tf.minimum(self._added, self.capacity)

    def add(self, experience: Trajectory, after: TimeStep) -> None:
        """Add the transitions of `(time, batch, ...)` steps and the time step `after` them.

        What leads from the end of an episode to the next one is no transition, and is left out.
        """
        next_observation = tf.nest.map_structure(
            lambda x, last: tf.concat([x[1:], last[None]], axis=0),
            experience.observation,
            after.observation,
        )
        rows = {
            "observation": experience.observation,
            "action": experience.action,
            "reward": experience.reward,
            "discount": experience.discount,
            "next_observation": next_observation,
        }
        valid = tf.not_equal(experience.step_type, StepType.LAST)
        rows = tf.nest.map_structure(lambda x: tf.boolean_mask(x, valid), rows)
        count = tf.math.count_nonzero(valid)
        places = (self._added + tf.range(count)) % self.capacity
        for variable, new in zip(tf.nest.flatten(self._rows), tf.nest.flatten(rows), strict=True):
            variable.scatter_update(tf.IndexedSlices(new, places))
        self._added.assign_add(count)

    def sample(self, shape: tuple[int, ...], seed: tf.Tensor) -> Trajectory:
        """`shape` transitions, with replacement, as trajectories of two steps for `agent.train`.

        Returns: each element `(*shape, 2, ...)`.
        """
        places = tf.random.stateless_uniform(shape, seed, maxval=self.size(), dtype=tf.int64)
        rows = tf.nest.map_structure(lambda variable: tf.gather(variable, places), self._rows)
        axis = len(shape)

        def twice(x: tf.Tensor) -> tf.Tensor:  # only the first of the two is read
            return tf.stack([x, x], axis=axis)

        middle = tf.fill((*shape, 2), StepType.MID)
        return Trajectory(
            step_type=middle,
            observation=tf.nest.map_structure(
                lambda now, then: tf.stack([now, then], axis=axis),
                rows["observation"],
                rows["next_observation"],
            ),
            action=tf.nest.map_structure(twice, rows["action"]),
            policy_info=(),
            next_step_type=middle,
            reward=twice(rows["reward"]),
            discount=twice(rows["discount"]),
        )
