"""`evaluate`: the return of a greedy policy over whole episodes."""

from __future__ import annotations

import os
from contextlib import ExitStack, closing
from typing import Any

import gymnasium
import numpy as np

from kerazoo.errors import ConfigError, DataError
from kerazoo.rl.gymnasium_environment import NameOrEnv, make_environment, stack
from kerazoo.rl.policy import Policy, tflite_policy
from kerazoo.rl.policy_model import policy_model
from kerazoo.zoo.agent_config import AgentConfig, AnyConfig, Environment
from kerazoo.zoo.build import build_with_weights
from kerazoo.zoo.catalogue import find_any_config

_SEED = 1_000_000  # of the episodes that nothing was chosen on; training counts seeds from 0


def evaluate(
    policy_or_name: Policy | str | os.PathLike[str],
    env: NameOrEnv | None = None,
    *,
    episodes: int = 100,
    seed: int = _SEED,
) -> dict[str, float]:
    """Mean and standard error of the return of a greedy policy.

    Args:
        policy_or_name: a policy, the name of an agent of the zoo (with its published weights), or
            the path of a `.tflite` file exported from one.
        env: a name of Gymnasium or a function that makes an environment; None takes the agent's.
        episodes: 2 or more, each from its own start.
        seed: of the starts; the same seed gives the same episodes.

    Returns: "mean_return", "standard_error" (of the mean), "episodes".

    Raises:
        UnknownNameError: no such agent or environment.
        ConfigError: the model is no agent, an argument is out of range, or `env` is one
            environment: each episode needs its own.
        DataError: a policy without `env`.

    >>> kerazoo.rl.evaluate("dqn_cartpole", episodes=10)["mean_return"] > 400
    True
    """
    if episodes < 2:
        raise ConfigError(f"`episodes` must be 2 or more. Received: {episodes}.")
    check_makes_environments(env)
    if isinstance(policy_or_name, Policy):
        if env is None:
            raise DataError("A policy is evaluated in `env`, an environment: none was given.")
        policy, make = policy_or_name, lambda: make_environment(env)
    else:
        policy, make = open_policy(policy_or_name, env)
    returns = run_episodes(policy, make, episodes=episodes, seed=seed)
    return {
        "mean_return": float(returns.mean()),
        "standard_error": float(returns.std(ddof=1) / np.sqrt(episodes)),
        "episodes": episodes,
    }


def open_policy(name: str | os.PathLike[str], env: NameOrEnv | None = None) -> tuple[Policy, Any]:
    """The policy of an agent's name or exported file, and a function that makes its environment."""
    is_file = str(name).endswith(".tflite")
    config = agent_config(_name_in(name) if is_file else str(name))

    def make() -> gymnasium.Env:
        return recipe_environment(config.reinforcement.environment, env)

    with closing(make()) as environment:
        space = environment.action_space
    if is_file:
        return tflite_policy(name, space), make
    network = build_with_weights(config, "default")
    return Policy(policy_model(config, network), space), make


def check_makes_environments(env: NameOrEnv | None) -> None:
    """Raise `ConfigError` for one environment, whose episodes would be mixed."""
    if isinstance(env, gymnasium.Env):
        raise ConfigError(
            "`env` must be a name or a function that makes environments: training and evaluation "
            f"need environments of their own. Received: {env}."
        )


def agent_config(name: str) -> AgentConfig:
    """The config of the agent called `name`. Raises `ConfigError` for another kind of model."""
    return as_agent(find_any_config(name))


def as_agent(config: AnyConfig) -> AgentConfig:
    """`config`, if it is an agent's. Raises `ConfigError` otherwise."""
    if isinstance(config, AgentConfig):
        return config
    raise ConfigError(
        f"{config.name!r} learns from data, not in an environment: use kerazoo.train."
    )


def recipe_environment(recipe: Environment, env: NameOrEnv | None = None) -> gymnasium.Env:
    """One environment as a recipe describes it, or `env` with the recipe's wrappers."""
    return make_environment(
        recipe.name if env is None else env,
        time_limit=recipe.time_limit,
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
    while running.any():
        # Those that are over stay in the batch: its size would compile the policy anew.
        actions = policy.batch(stack(space, observations))
        for number in np.flatnonzero(running):
            observations[number], reward, terminated, truncated, _ = environments[number].step(
                actions[number]
            )
            returns[number] += reward
            running[number] = not (terminated or truncated)
    return returns


def _name_in(path: str | os.PathLike[str]) -> str:
    from kerazoo.exporters import load_tflite

    name = load_tflite(path).metadata.get("name")
    if not name:
        raise ConfigError(f"{str(path)!r} does not say which agent it was exported from.")
    return str(name)
