"""`record`: pictures of an episode on one sheet."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import closing, nullcontext
from typing import Any

import gymnasium
import numpy as np

from kerazoo import atomic
from kerazoo.argument_checks import check_integer
from kerazoo.errors import ConfigError
from kerazoo.rl.make_environment import check_ends, make_environment


def record(
    policy: Callable[[Any], Any],
    env: str | gymnasium.Env,
    path: str | os.PathLike[str],
    *,
    frames: int = 12,
    columns: int = 4,
    every: int = 10,
    seed: int = 0,
    time_limit: int | None = None,
) -> float:
    """Run one episode, and write pictures of it on a sheet, row by row.

    Args:
        policy: from one observation to an action, such as `Result.policy`.
        env: Gymnasium's name, or an environment made with `render_mode="rgb_array"`.
        path: of a .png file.
        frames: pictures at most, 1 or above; fewer where the episode is shorter.
        columns: pictures in a row, 1 or above.
        every: steps between two pictures, 1 or above.
        seed: of the episode, 0 or above.
        time_limit: steps after which the episode is truncated, 1 or above; None takes the
            environment's own limit.

    Returns: the episode's return.

    Raises:
        UnknownNameError: Gymnasium has no environment of this name.
        ConfigError: an argument is out of range, the environment gives no pictures, `path` does not
            end in .png, or an episode without a limit is not over after 100,000 steps.
        RunError: the file cannot be written.

    >>> kerazoo.rl.record(lambda observation: 0, "CartPole-v1", "cartpole.png") > 5
    True
    """
    import tensorflow as tf

    for name, value in (("frames", frames), ("columns", columns), ("every", every)):
        check_integer(name, value)
    check_integer("seed", seed, least=0)
    if not str(path).endswith(".png"):
        raise ConfigError(f"A sheet of pictures is a .png file. Received: {str(path)!r}.")
    environment = make_environment(env, time_limit=time_limit, render_mode="rgb_array")
    # An environment that was handed in stays open.
    with nullcontext() if isinstance(env, gymnasium.Env) else closing(environment):
        total, pictures = _play(policy, environment, seed, every, frames)
    atomic.write_bytes(path, tf.io.encode_png(_sheet(pictures, columns)).numpy())
    return total


def _play(
    policy: Callable[[Any], Any], environment: gymnasium.Env, seed: int, every: int, frames: int
) -> tuple[float, list[Any]]:
    """The return of an episode, and its pictures."""
    observation, _ = environment.reset(seed=seed)
    pictures: list[Any] = []
    total, step, over = 0.0, 0, False
    while not over:
        if step % every == 0 and len(pictures) < frames:
            pictures.append(_picture(environment))
        observation, reward, terminated, truncated, _ = environment.step(policy(observation))
        total, step, over = total + float(reward), step + 1, terminated or truncated
        check_ends(environment, step)
    return total, pictures


def _picture(environment: gymnasium.Env) -> Any:
    try:
        picture = environment.render()
    except NotImplementedError:  # Gymnasium's, where a class has no `render`
        picture = None
    if picture is None:
        raise ConfigError(
            'The environment gives no pictures: make it with render_mode="rgb_array", of a class '
            "that has `render`."
        )
    return picture


def _sheet(pictures: list[Any], columns: int) -> np.ndarray:
    """Pictures of one size in rows of `columns`; white where there is none."""
    blank = np.full_like(pictures[0], 255)
    columns = min(columns, len(pictures))
    missing = -len(pictures) % columns
    cells = np.stack([*pictures, *[blank] * missing])
    rows = cells.reshape(-1, columns, *blank.shape).swapaxes(1, 2)
    return rows.reshape(-1, columns * blank.shape[1], blank.shape[2])
