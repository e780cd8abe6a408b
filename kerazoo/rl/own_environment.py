"""Which environment of the user's own a run was trained in: its config has room for a name only."""

from __future__ import annotations

import json
from typing import Any

from kerazoo.errors import RunError
from kerazoo.rl.make_environment import NameOrEnv
from kerazoo.training.run_folder import RunFolder


def name_of(env: NameOrEnv | None) -> str | None:
    """`module.name` of the function or class that makes environments; None where it is not given
    as one."""
    if env is None or isinstance(env, str):
        return None
    maker: Any = getattr(env, "func", env)  # of a functools.partial
    maker = maker if hasattr(maker, "__qualname__") else type(maker)
    return f"{maker.__module__}.{maker.__qualname__}"


def recorded(folder: RunFolder, *, unknown: str | None = None) -> str | None:
    """`name_of` the environment that the run was begun with; `unknown` where the folder does not
    say. Raises `RunError` where what it says is damaged."""
    try:
        return json.loads(folder.environment.read_text(encoding="utf-8")).get("env", unknown)
    except FileNotFoundError:  # not begun yet
        return unknown
    except (OSError, ValueError) as error:
        raise RunError(
            f"{str(folder.environment)!r} is damaged. Start anew with resume=False."
        ) from error


def check_same(folder: RunFolder, env: NameOrEnv | None) -> None:
    """Raise `RunError` if the run was begun with another environment."""
    now = name_of(env)
    there = recorded(folder, unknown=now)
    if there != now:
        there, now = (name or "the recipe's" for name in (there, now))
        raise RunError(
            f"{str(folder.path)!r} holds a run in another environment ({there} there, {now} now). "
            f"Choose another output_dir, or replace it with resume=False."
        )
