"""`export`: an agent's policy as a checked file."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gymnasium
import keras
import numpy as np

import kerazoo.compress
import kerazoo.exporters
from kerazoo import atomic
from kerazoo.errors import ConfigError, VerificationError
from kerazoo.rl.evaluation import check_makes_environments, recipe_environment, run_episodes
from kerazoo.rl.gymnasium_environment import stack
from kerazoo.rl.make_environment import NameOrEnv
from kerazoo.rl.policy import Policy, tflite_policy
from kerazoo.rl.policy_model import with_centred_scores
from kerazoo.rl.trained_agent import open_trained

if TYPE_CHECKING:
    from kerazoo.exporters import ExportReport

_OBSERVATIONS = 2000  # for the ranges of integer files, and to compare on
_RANDOM_ACTIONS = 0.1  # of those that lead to them: the file meets more than the best path


def export(
    name: str | os.PathLike[str],
    path: str | os.PathLike[str],
    *,
    env: NameOrEnv | None = None,
    quantize: str | None = None,
    batch: int | None = 1,
    verify: bool = True,
) -> ExportReport:
    """Write the policy of an agent as a file, and run that file in the environment.

    The file gives scores with mean 0, the best action that of the highest; of continuous actions
    it gives the actions. Integer files are calibrated on observations that the policy meets, with
    a tenth of its actions random.

    In "int8" the first and the last dense layer stay in float, both small: elements of an
    observation have units of their own, so that 8 bits on one scale leave a pole's angle ten
    values, and the scores of a state differ by little. A network of these two alone is no int8
    file: "float16" is its smallest.

    Args:
        name: an agent of the zoo, by name or as a config in a .yaml file, with its published
            weights; or the folder of a run, with the best weights that it found.
        env: that it acts in, a name of Gymnasium or a function that makes an environment; None
            takes the agent's.
        path, quantize, batch: as `kerazoo.export`.
        verify: compare the file's numbers, as `kerazoo.export` does, and its returns.

    Raises: as `kerazoo.export`; also
        UnknownNameError: no such agent or environment.
        ConfigError: the model is no agent, has no weights, or nothing in it can be int8; `env` is
            needed and missing.
        RunError: the run is not complete.
        VerificationError: over 20 episodes the file's mean return is lower than the policy's by
            more than 5 % and twice the standard error of the difference. No file is left then.

    >>> report = kerazoo.rl.export("dqn_cartpole", "policy.tflite", quantize="int8")
    >>> report.size_bytes < 100_000
    True
    """
    check_makes_environments(env)
    config, model = open_trained(name, env)

    def make() -> gymnasium.Env:
        return recipe_environment(config.reinforcement.environment, env)

    with closing(make()) as environment:
        policy = Policy(model, environment.action_space)
        if isinstance(policy.action_space, gymnasium.spaces.Discrete):
            model = with_centred_scores(model)
        rounded = _with_rounding(model) if quantize == "int8" else None
        observations = _observations(policy, environment)
    if rounded is not None:
        kerazoo.compress.calibrate(rounded, observations)
        model, quantize = rounded, None
    with atomic.replacing(path) as temporary:
        report = kerazoo.exporters.export(
            model,
            temporary,
            quantize=quantize,
            calibration=observations,
            batch=batch,
            verify=verify,
        )
        if verify and str(path).endswith(".tflite"):
            file = tflite_policy(temporary, policy.action_space)
            _compare_returns(policy, file, make)
    report.path = Path(path)
    return report


def _with_rounding(model: keras.Model) -> keras.Model:
    """`model` with the rounding of its integer file, before its ranges are known."""
    dense = [layer.name for layer in model.layers if isinstance(layer, keras.layers.Dense)]
    try:
        rounded = kerazoo.compress.quantize_aware(model, skip=sorted({*dense[:1], *dense[-1:]}))
    except ConfigError as error:
        raise ConfigError(
            f"int8 leaves the first and the last dense layer of {model.name!r} in float, and its "
            f"other layers cannot be rounded: use quantize='float16'. ({error})"
        ) from error
    rounded.name = model.name
    return rounded


def _compare_returns(policy: Policy, file: Policy, make: Callable[[], gymnasium.Env]) -> None:
    expected, found = (run_episodes(one, make, episodes=20, seed=0) for one in (policy, file))
    difference = expected - found  # of the same starts
    error = difference.std(ddof=1) / np.sqrt(len(difference))
    if difference.mean() > max(0.05 * abs(expected.mean()), 2 * error):
        raise VerificationError(
            f"The file's mean return is {found.mean():.4g}, the policy's {expected.mean():.4g}. "
            f"Use quantize='int16x8' or 'float16'; verify=False writes the file all the same."
        )


def _observations(policy: Policy, environment: Any) -> Any:
    """What the policy meets, in an order without time."""
    generator = np.random.default_rng(0)
    environment.action_space.seed(0)
    seen, seed = [], 0
    observation, _ = environment.reset(seed=seed)
    for _ in range(_OBSERVATIONS):
        seen.append(observation)
        is_random = generator.random() < _RANDOM_ACTIONS
        action = environment.action_space.sample() if is_random else policy(observation)
        observation, _, terminated, truncated, _ = environment.step(action)
        if terminated or truncated:
            seed += 1
            observation, _ = environment.reset(seed=seed)
    order = generator.permutation(len(seen))
    return stack(environment.observation_space, [seen[number] for number in order])
