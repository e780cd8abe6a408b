"""Acting in an environment, step after step, inside a compiled function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf
from tf_agents.environments import tf_environment
from tf_agents.trajectories import PolicyStep, TimeStep, Trajectory, from_transition

Act = Callable[[TimeStep, tf.Tensor], PolicyStep]
"""Action and information for a time step; the second argument is a stateless seed, `(2,)`."""


class Collector:
    """Steps an environment as `act` says, and counts the steps.

    Its chance is a function of the seed and the count, so that a run resumed at some count goes on
    as if it had not been stopped.

    Attributes:
        steps: int64 variable, of all environments together; the beginnings of episodes count too.
    """

    def __init__(self, environment: tf_environment.TFEnvironment, act: Act, *, seed: int):
        self.environment = environment
        self.steps = tf.Variable(0, trainable=False, dtype=tf.int64)
        self._act, self._seed = act, seed

    def seed(self, stream: int) -> tf.Tensor:
        """A stateless seed for this count of steps; one for each `stream`, 0 or above."""
        key = tf.constant([self._seed, stream], tf.int64)
        return tf.random.fold_in(key, self.steps)

    def act(self, time_step: TimeStep) -> PolicyStep:
        """What would be done now."""
        return self._act(time_step, self.seed(0))

    def collect(self, time_step: TimeStep, steps: int) -> tuple[Trajectory, TimeStep]:
        """`steps` steps of each environment, from `time_step` on.

        Returns: what happened, `(steps, batch, ...)`, and the time step after it.
        """
        return self._while(time_step, lambda number, _: number < steps, steps)

    def collect_episodes(self, time_step: TimeStep) -> tuple[Trajectory, TimeStep]:
        """As many steps as it takes until each environment has ended an episode."""

        def some_run(_: tf.Tensor, ended: tf.Tensor) -> tf.Tensor:
            return tf.logical_not(tf.reduce_all(ended))

        return self._while(time_step, some_run, None)

    def _while(
        self, start: TimeStep, goes_on: Callable[..., tf.Tensor], steps: int | None
    ) -> tuple[Trajectory, TimeStep]:
        example = tf.nest.flatten(self._row(start, self.act(start), start))
        rows = [
            tf.TensorArray(x.dtype, steps or 0, dynamic_size=steps is None, element_shape=x.shape)
            for x in example
        ]

        def body(number: Any, ended: Any, time_step: Any, rows: Any) -> Any:
            step = self.act(time_step)
            after = self.environment.step(step.action)
            self.steps.assign_add(self.environment.batch_size)
            row = tf.nest.flatten(self._row(time_step, step, after))
            rows = [array.write(number, x) for array, x in zip(rows, row, strict=True)]
            return number + 1, ended | after.is_last(), after, rows

        nobody = tf.zeros(self.environment.batch_size, tf.bool)
        _, _, after, rows = tf.while_loop(
            lambda number, ended, *_: goes_on(number, ended),
            body,
            (0, nobody, start, rows),
            parallel_iterations=1,
        )
        structure = self._row(start, self.act(start), start)
        return tf.nest.pack_sequence_as(structure, [array.stack() for array in rows]), after

    @staticmethod
    def _row(time_step: TimeStep, step: PolicyStep, after: TimeStep) -> Trajectory:
        return from_transition(time_step, step, after)
