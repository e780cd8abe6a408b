"""`export`: an agent's policy as a checked file."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np

import kerazoo.exporters
from kerazoo.errors import ConfigError
from kerazoo.rl.evaluation import agent_config, recipe_environment
from kerazoo.rl.gymnasium_environment import stack
from kerazoo.rl.policy import Policy
from kerazoo.rl.policy_model import policy_model
from kerazoo.zoo.build import build_with_weights

if TYPE_CHECKING:
    from kerazoo.exporters import ExportReport

_OBSERVATIONS = 2000  # for the ranges of integer files, and to compare on
_RANDOM_ACTIONS = 0.1  # of those that lead to them: the file meets more than the best path


def export(
    name: str,
    path: str | os.PathLike[str],
    *,
    quantize: str | None = None,
    batch: int | None = 1,
    verify: bool = True,
) -> ExportReport:
    """Write the published policy of an agent as a file, and compare file and policy.

    The file gives scores: the best action is that of the highest (or, continuous, the scores
    themselves). What it is calibrated and compared with are observations that the policy meets,
    with a tenth of its actions random.

    Args:
        name: of an agent of the zoo with published weights.
        path, quantize, batch, verify: as `kerazoo.export`.

    Raises: as `kerazoo.export`; ConfigError if the model is no agent or has no weights.

    >>> report = kerazoo.rl.export("dqn_cartpole", "policy.tflite", quantize="int8")
    >>> report.agreement > 0.9
    True
    """
    config = agent_config(name)
    if not config.weights:
        raise ConfigError(f"{name!r} has no published weights: export a run's `model.keras`.")
    model = policy_model(config, build_with_weights(config, "default"))
    environment = recipe_environment(config.reinforcement.environment)
    observations = _observations(Policy(model, environment.action_space), environment)
    return kerazoo.exporters.export(
        model, path, quantize=quantize, calibration=observations, batch=batch, verify=verify
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
    environment.close()
    order = generator.permutation(len(seen))
    return stack(environment.observation_space, [seen[number] for number in order])
