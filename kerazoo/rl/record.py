"""`record`: pictures of an episode on one sheet."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import closing, nullcontext
from typing import Any

import gymnasium
import numpy as np

from kerazoo import atomic
from kerazoo.errors import ConfigError
from kerazoo.rl.gymnasium_environment import make_environment


def record(
    policy: Callable[[Any], Any],
    env: str | gymnasium.Env,
    path: str | os.PathLike[str],
    *,
    frames: int = 12,
    columns: int = 4,
    every: int = 10,
    seed: int = 0,
) -> float:
    """Run one episode, and write pictures of it on a sheet, row by row.

    Args:
        policy: from one observation to an action, such as `Result.policy`.
        env: Gymnasium's name, or an environment made with `render_mode="rgb_array"`.
        path: of a .png file.
        frames: pictures at most, 1 or above; fewer where the episode is shorter.
        columns: pictures in a row, 1 or above.
        every: steps between two pictures, 1 or above.
        seed: of the episode.

    Returns: the episode's return.

    Raises:
        UnknownNameError: Gymnasium has no environment of this name.
        ConfigError: an argument is out of range, the environment gives no pictures, or `path` does
            not end in .png.
        RunError: the file cannot be written.

    >>> kerazoo.rl.record(lambda observation: 0, "CartPole-v1", "cartpole.png") > 5
    True
    """
    import tensorflow as tf

    if min(frames, columns, every) < 1:
        raise ConfigError("`frames`, `columns` and `every` must be 1 or above.")
    if not str(path).endswith(".png"):
        raise ConfigError(f"A sheet of pictures is a .png file. Received: {str(path)!r}.")
    environment = make_environment(env, render_mode="rgb_array")
    # An environment that was handed in stays open.
    with nullcontext() if environment is env else closing(environment):
        total, pictures = _play(policy, environment, seed, every, frames)
    if pictures[0] is None:
        raise ConfigError(
            'The environment gives no pictures: make it with render_mode="rgb_array".'
        )
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
            pictures.append(environment.render())
        observation, reward, terminated, truncated, _ = environment.step(policy(observation))
        total, step, over = total + float(reward), step + 1, terminated or truncated
    return total, pictures


def _sheet(pictures: list[Any], columns: int) -> np.ndarray:
    """Pictures of one size in rows of `columns`; white where there is none."""
    blank = np.full_like(pictures[0], 255)
    columns = min(columns, len(pictures))
    missing = -len(pictures) % columns
    cells = np.stack([*pictures, *[blank] * missing])
    rows = cells.reshape(-1, columns, *blank.shape).swapaxes(1, 2)
    return rows.reshape(-1, columns * blank.shape[1], blank.shape[2])
