"""Gymnasium environments, several at once, as one environment of TF-Agents."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np
from tf_agents.environments import py_environment, tf_py_environment
from tf_agents.trajectories import StepType, TimeStep

from kerazoo.argument_checks import check_integer
from kerazoo.errors import ConfigError, RunError
from kerazoo.rl import _specs
from kerazoo.rl.make_environment import NameOrEnv, Wrapper, make_environment
from kerazoo.rl.running_normalization import RunningNormalization


def gymnasium_environment(
    name_or_env: NameOrEnv,
    *,
    batch: int = 1,
    seed: int = 0,
    time_limit: int | None = None,
    frame_stack: int | None = None,
    wrappers: Sequence[Wrapper] = (),
    normalization: RunningNormalization | None = None,
    render_mode: str | None = None,
) -> tf_py_environment.TFPyEnvironment:
    """`batch` Gymnasium environments as one batched environment for TF-Agents' drivers and agents.

    An episode that terminated ends with discount 0, one that was truncated (by a time limit) with
    discount 1: its value is then estimated from its last observation, not taken for 0. The step
    after an episode's last one begins the next episode, of that environment alone.

    Args:
        name_or_env: Gymnasium's name ("CartPole-v1"), a function or class that makes an
            environment, or, with `batch=1`, an environment.
        batch: environments stepped together, 1 or above.
        seed: 0 or above. Episode n of environment i always starts the same, given this seed.
        time_limit: steps after which an episode is truncated, instead of the registered limit; 1 or
            above.
        frame_stack: observations are the last so many frames, 1 or above, oldest first, along a new
            first axis.
        wrappers: functions from environment to environment, such as classes of
            `gymnasium.wrappers`; the first is innermost, inside `frame_stack`.
        normalization: observations are normalized by it (and it learns from them).
        render_mode: "rgb_array" lets `kerazoo.rl.record` take pictures.

    Returns: the environment; `.pyenv` is the `GymnasiumEnvironment` inside.

    Raises:
        UnknownNameError: Gymnasium has no environment of this name.
        ConfigError: an argument is out of range, or a space has no form in TF-Agents.

    >>> environment = kerazoo.rl.gymnasium_environment("CartPole-v1", batch=3)
    >>> environment.reset().observation.shape
    TensorShape([3, 4])
    """
    check_integer("batch", batch)
    check_integer("seed", seed, least=0)
    if isinstance(name_or_env, gymnasium.Env) and batch != 1:
        raise ConfigError(
            f"batch={batch} needs a name or a function that makes environments, not one of them."
        )

    def make() -> gymnasium.Env:
        return make_environment(
            name_or_env,
            time_limit=time_limit,
            frame_stack=frame_stack,
            wrappers=wrappers,
            render_mode=render_mode,
        )

    inside = GymnasiumEnvironment(
        [make() for _ in range(batch)], seed=seed, normalization=normalization
    )
    return tf_py_environment.TFPyEnvironment(inside)


class GymnasiumEnvironment(py_environment.PyEnvironment):
    """A batch of Gymnasium environments that TF-Agents steps together.

    Every episode is seeded by (seed, environment, episode), so that its beginning does not depend
    on what came before; with the actions since then, and what a normalization has learned, that is
    the whole state (`get_state`).

    Args:
        environments: of one observation and one action space.
        seed: 0 or above.
        normalization: of the observations.

    Attributes:
        finished: return and length, in steps, of each episode done since the list was last cleared.

    Raises: ConfigError where a space has no form in TF-Agents, or cannot be normalized. To make one
    by Gymnasium's name: `kerazoo.rl.gymnasium_environment`, which has an example.
    """

    def __init__(
        self,
        environments: Sequence[gymnasium.Env],
        *,
        seed: int = 0,
        normalization: RunningNormalization | None = None,
    ):
        # TF-Agents resets a whole batch when all its episodes are over; here each resets itself.
        super().__init__(handle_auto_reset=False)
        self.environments = list(environments)
        self.normalization = normalization
        self.finished: list[tuple[float, int]] = []
        self._space = self.environments[0].action_space
        self._observation_space = self.environments[0].observation_space
        self._action_spec = _specs.spec_of(self._space, "action")
        self._observation_spec = _specs.spec_of(self._observation_space, "observation")
        if normalization is not None:
            self._observation_spec = normalization.spec_of(self._observation_space)
        self.seed(seed)

    @property
    def batched(self) -> bool:
        """Whether actions and observations have a batch axis: always."""
        return True

    @property
    def batch_size(self) -> int:
        """How many environments there are."""
        return len(self.environments)

    def observation_spec(self) -> Any:
        """Of one environment's observation."""
        return self._observation_spec

    def action_spec(self) -> Any:
        """Of one environment's action."""
        return self._action_spec

    def seed(self, seed: int) -> None:
        """Begin anew: the next step of any kind starts the first episodes of this seed."""
        self._seed = seed
        self._episodes = np.full(self.batch_size, -1, np.int64)
        self._actions: list[list[Any]] = [[] for _ in self.environments]
        self._returns = np.zeros(self.batch_size)
        self._current_time_step = None
        self.finished = []

    def get_state(self) -> dict[str, np.ndarray]:
        """Which episode each environment is in, and the actions taken in it, one after another;
        and the state of the normalization."""
        actions = [action for taken in self._actions for action in taken]
        return {
            **(self.normalization.get_state() if self.normalization is not None else {}),
            "episodes": self._episodes.copy(),
            "lengths": np.array([len(taken) for taken in self._actions], np.int64),
            "actions": np.array(actions).reshape(len(actions), *self._action_shape),
        }

    def set_state(self, state: dict[str, np.ndarray]) -> None:
        """Take the actions of a `get_state` again, which leads to where it was called."""
        ends = np.cumsum(state["lengths"])
        self._episodes = state["episodes"].copy()
        self._actions = [[] for _ in self.environments]
        self._returns = np.zeros(self.batch_size)
        steps = []
        for number, taken in enumerate(np.split(state["actions"], ends[:-1])):
            step = self._start(number)
            for action in taken:
                step = self._step_one(number, action)
            steps.append(step)
        self.finished = []
        if self.normalization is not None and "count" in state:  # older checkpoints lack it
            self.normalization.set_state(state)
        self._current_time_step = self._together(steps, learn=False)

    def render(self, mode: str = "rgb_array") -> np.ndarray:
        """Pictures of all environments, `(batch, height, width, 3)`, 0..255."""
        pictures = [environment.render() for environment in self.environments]
        if any(picture is None for picture in pictures):
            raise ConfigError('Pictures need gymnasium_environment(..., render_mode="rgb_array").')
        return np.stack(pictures)

    def close(self) -> None:
        """Close all environments."""
        for environment in self.environments:
            environment.close()

    def _reset(self) -> TimeStep:
        self._episodes += 1
        return self._together([self._start(number) for number in range(self.batch_size)])

    def _step(self, action: Any) -> TimeStep:
        steps = []
        for number in range(self.batch_size):
            if self._over[number]:
                self._episodes[number] += 1
                steps.append(self._start(number))
            else:
                steps.append(self._step_one(number, _row(action, number)))
        return self._together(steps)

    def _start(self, number: int) -> tuple[Any, ...]:
        """Begin the episode that `_episodes` names."""
        key = (self._seed, number, int(self._episodes[number]))
        seed = int(np.random.SeedSequence(key).generate_state(1)[0])
        self._actions[number] = []
        self._returns[number] = 0.0
        observation, _ = self.environments[number].reset(seed=seed)
        return StepType.FIRST, 0.0, 1.0, observation

    def _step_one(self, number: int, action: Any) -> tuple[Any, ...]:
        self._actions[number].append(action)
        action = _specs.in_space(self._space, action)
        observation, reward, terminated, truncated, _ = self.environments[number].step(action)
        self._returns[number] += reward
        over = terminated or truncated
        if over:
            self.finished.append((float(self._returns[number]), len(self._actions[number])))
        kind = StepType.LAST if over else StepType.MID
        return kind, reward, 0.0 if terminated else 1.0, observation

    def _together(self, steps: list[tuple[Any, ...]], *, learn: bool = True) -> TimeStep:
        kinds, rewards, discounts, observations = zip(*steps, strict=True)
        observation = stack(self._observation_space, observations)
        if self.normalization is not None:
            if learn:
                self.normalization.update(observation)
            observation = self.normalization.normalize(observation)
        step_type = np.array(kinds, np.int32)
        self._over = step_type == StepType.LAST
        return TimeStep(
            step_type, np.array(rewards, np.float32), np.array(discounts, np.float32), observation
        )

    @property
    def _action_shape(self) -> tuple[int, ...]:
        if isinstance(self._action_spec, dict | tuple):
            raise RunError("The state of environments with composed actions cannot be kept.")
        return tuple(self._action_spec.shape)


def _row(action: Any, number: int) -> Any:
    if isinstance(action, dict):
        return {key: _row(part, number) for key, part in action.items()}
    if isinstance(action, tuple):
        return tuple(_row(part, number) for part in action)
    return np.asarray(action)[number]


def stack(space: gymnasium.Space, observations: Sequence[Any]) -> Any:
    """A batch of observations, in the space's own structure and dtypes."""
    if isinstance(space, gymnasium.spaces.Dict):
        return {
            key: stack(part, [observation[key] for observation in observations])
            for key, part in space.spaces.items()
        }
    if isinstance(space, gymnasium.spaces.Tuple):
        columns = zip(*observations, strict=True)
        return tuple(stack(p, column) for p, column in zip(space.spaces, columns, strict=True))
    batch = np.stack(observations) if space.shape else np.array(observations)
    batch = batch.astype(space.dtype, copy=False)
    offset = _specs.offset_of(space)
    return batch - offset if np.any(offset) else batch
