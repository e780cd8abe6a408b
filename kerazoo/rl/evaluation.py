"""`evaluate`: the return of a greedy policy over whole episodes."""

from __future__ import annotations

import os
from contextlib import ExitStack, closing
from typing import Any

import gymnasium
import numpy as np

from kerazoo.argument_checks import check_integer
from kerazoo.errors import ConfigError, DataError
from kerazoo.rl.gymnasium_environment import stack
from kerazoo.rl.make_environment import NameOrEnv, check_ends, make_environment
from kerazoo.rl.policy import Policy, tflite_policy
from kerazoo.rl.trained_agent import as_agent, open_trained
from kerazoo.zoo.agent_config import AgentConfig, Environment
from kerazoo.zoo.catalogue import find_any_config, list_models

_SEED = 1_000_000  # of the episodes that nothing was chosen on; training counts seeds from 0


def evaluate(
    policy_or_name: Policy | str | os.PathLike[str],
    env: NameOrEnv | None = None,
    *,
    episodes: int = 100,
    seed: int = _SEED,
    time_limit: int | None = None,
) -> dict[str, float]:
    """Mean and standard error of the return of a greedy policy.

    Args:
        policy_or_name: a policy; an agent of the zoo, by name or as a config in a .yaml file, with
            its published weights; the folder of a run ("runs/dqn_cartpole"), with the best weights
            that it found; or a `.tflite` file exported from an agent.
        env: a name of Gymnasium or a function that makes an environment; None takes the agent's.
        episodes: 2 or more, each from its own start.
        seed: of the starts, 0 or above; the same seed gives the same episodes.
        time_limit: steps after which an episode is truncated, 1 or above; None takes the recipe's
            limit, or else the environment's own.

    Returns: "mean_return", "standard_error" (of the mean), "episodes".

    Raises:
        UnknownNameError: no such agent or environment.
        ConfigError: the model is no agent or has no weights, an argument is out of range, `env` is
            one environment (each episode needs its own) or is needed and missing, or an episode
            without a limit is not over after 100,000 steps.
        RunError: the run is not complete.
        DataError: a policy without `env`, or one whose scores do not fit the actions.

    >>> kerazoo.rl.evaluate("dqn_cartpole", episodes=10)["mean_return"] > 400
    True
    """
    check_integer("episodes", episodes, least=2)
    check_integer("seed", seed, least=0)
    check_makes_environments(env)
    if isinstance(policy_or_name, Policy):
        if env is None:
            raise DataError("A policy is evaluated in `env`, an environment: none was given.")
        policy, make = policy_or_name, lambda: make_environment(env, time_limit=time_limit)
    else:
        policy, make = open_policy(policy_or_name, env, time_limit=time_limit)
    returns = run_episodes(policy, make, episodes=episodes, seed=seed)
    return {
        "mean_return": float(returns.mean()),
        "standard_error": float(returns.std(ddof=1) / np.sqrt(episodes)),
        "episodes": episodes,
    }


def open_policy(
    name: str | os.PathLike[str], env: NameOrEnv | None = None, *, time_limit: int | None = None
) -> tuple[Policy, Any]:
    """The policy of an agent, its run or its exported file, and a function that makes its
    environment; arguments and errors as `evaluate`."""
    is_file = str(name).endswith(".tflite")
    config, model = (_config_of_file(name), None) if is_file else open_trained(name, env)

    def make() -> gymnasium.Env:
        return recipe_environment(config.reinforcement.environment, env, time_limit=time_limit)

    with closing(make()) as environment:
        space = environment.action_space
    return tflite_policy(name, space) if model is None else Policy(model, space), make


def check_makes_environments(env: NameOrEnv | None) -> None:
    """Raise `ConfigError` for one environment, whose episodes would be mixed."""
    if isinstance(env, gymnasium.Env):
        raise ConfigError(
            "`env` must be a name or a function that makes environments: training and evaluation "
            f"need environments of their own. Received: {env}."
        )


def recipe_environment(
    recipe: Environment, env: NameOrEnv | None = None, *, time_limit: int | None = None
) -> gymnasium.Env:
    """One environment as a recipe describes it, or `env` with the recipe's wrappers; `time_limit`
    instead of the recipe's."""
    return make_environment(
        recipe.name if env is None else env,
        time_limit=recipe.time_limit if time_limit is None else time_limit,
        frame_stack=recipe.frame_stack,
    )


def run_episodes(policy: Policy, make: Any, *, episodes: int, seed: int) -> np.ndarray:
    """The returns of `episodes` episodes, side by side, each in an environment of its own."""
    with ExitStack() as opened:
        environments = [opened.enter_context(closing(make())) for _ in range(episodes)]
        return _returns(policy, environments, seed)


def _returns(policy: Policy, environments: list[gymnasium.Env], seed: int) -> np.ndarray:
    episodes = len(environments)
    space = environments[0].observation_space
    seeds = np.random.SeedSequence(seed).generate_state(episodes)
    observations = [
        environment.reset(seed=int(start))[0]
        for environment, start in zip(environments, seeds, strict=True)
    ]
    returns = np.zeros(episodes)
    running = np.ones(episodes, bool)
    steps = 0
    while running.any():
        # Those that are over stay in the batch: its size would compile the policy anew.
        actions = policy.batch(stack(space, observations))
        for number in np.flatnonzero(running):
            observations[number], reward, terminated, truncated, _ = environments[number].step(
                actions[number]
            )
            returns[number] += reward
            running[number] = not (terminated or truncated)
        steps += 1
        if running.any():
            check_ends(environments[0], steps)
    return returns


def _config_of_file(path: str | os.PathLike[str]) -> AgentConfig:
    from kerazoo.exporters import load_tflite

    name = load_tflite(path).metadata.get("name")
    if not name:
        raise ConfigError(f"{str(path)!r} does not say which agent it was exported from.")
    if name not in list_models():
        raise ConfigError(
            f"{str(path)!r} was exported from {name!r}, which is not in the zoo: add its config "
            f"first, kerazoo.add_config('{name}.yaml')."
        )
    return as_agent(find_any_config(name))
