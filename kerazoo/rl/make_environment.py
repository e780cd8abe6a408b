"""One Gymnasium environment, by its name or from a function that makes it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import gymnasium

from kerazoo.argument_checks import check_integer
from kerazoo.errors import ConfigError, unknown_name

Wrapper = Callable[[gymnasium.Env], gymnasium.Env]
NameOrEnv: TypeAlias = str | gymnasium.Env | Callable[[], gymnasium.Env]

_MOST_STEPS = 100_000  # of an episode without a time limit; CartPole's limit is 500


def make_environment(
    name_or_env: NameOrEnv,
    *,
    time_limit: int | None = None,
    frame_stack: int | None = None,
    wrappers: Sequence[Wrapper] = (),
    render_mode: str | None = None,
) -> gymnasium.Env:
    """One environment with its wrappers; arguments and errors as `gymnasium_environment`."""
    for name, value in (("time_limit", time_limit), ("frame_stack", frame_stack)):
        if value is not None:
            check_integer(name, value)
    environment = _bare_environment(name_or_env, time_limit, render_mode)
    for wrap in wrappers:
        environment = wrap(environment)
    if frame_stack is not None:
        environment = gymnasium.wrappers.FrameStackObservation(environment, frame_stack)
    return environment


def check_ends(environment: gymnasium.Env, steps: int) -> None:
    """Raise `ConfigError` where an episode of so many steps may go on for ever."""
    if steps < _MOST_STEPS or _has_time_limit(environment):
        return
    raise ConfigError(
        f"An episode is not over after {steps:,} steps, and {environment} has no time limit. Pass "
        f"`time_limit`, or set reinforcement.environment.time_limit in the recipe."
    )


def _has_time_limit(environment: gymnasium.Env) -> bool:
    while isinstance(environment, gymnasium.Wrapper):
        if isinstance(environment, gymnasium.wrappers.TimeLimit):
            return True
        environment = environment.env
    return False


def _bare_environment(
    name_or_env: NameOrEnv, time_limit: int | None, render_mode: str | None
) -> gymnasium.Env:
    if isinstance(name_or_env, str):
        limits = {} if time_limit is None else {"max_episode_steps": time_limit}
        try:
            return gymnasium.make(
                name_or_env, render_mode=render_mode, disable_env_checker=True, **limits
            )
        except gymnasium.error.UnregisteredEnv as error:
            raise unknown_name("environment", name_or_env, gymnasium.registry) from error
        except (gymnasium.error.Error, ImportError) as error:  # "module:Name-v0" imports the module
            reason = " ".join(str(error).split())[:200]
            raise ConfigError(f"Gymnasium cannot make {name_or_env!r}: {reason}") from error
    is_maker = callable(name_or_env) and not isinstance(name_or_env, gymnasium.Env)
    environment = name_or_env() if is_maker else name_or_env
    if not isinstance(environment, gymnasium.Env):
        raise ConfigError(
            f"`name_or_env` must be a name, a gymnasium.Env, or a function that makes one. "
            f"Received: {type(environment).__module__}.{type(environment).__name__}."
        )
    if time_limit is not None:
        environment = gymnasium.wrappers.TimeLimit(environment, time_limit)
    return environment
