"""Names of a SavedModel's variables, and patterns that choose among them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from typing import Any

from kerazoo.errors import ConfigError, nearest


def unique_names(names: Iterable[str]) -> list[str]:
    """The names without TensorFlow's ":0", repeated ones numbered from the second on."""
    found: list[str] = []
    taken: set[str] = set()
    for name in names:
        name = base = name.split(":")[0] or "variable"
        count = 0
        while name in taken:
            count += 1
            name = f"{base}_{count}"
        taken.add(name)
        found.append(name)
    return found


def check_patterns(patterns: Any, names: Sequence[str], handle: str) -> tuple[str, ...]:
    """The patterns as a tuple.

    Raises:
        ConfigError: they are no list of texts, or one fits none of the names.
    """
    is_list = isinstance(patterns, Sequence) and not isinstance(patterns, str)
    if not is_list or not patterns or not all(isinstance(one, str) for one in patterns):
        raise ConfigError(
            "`trainable` must be True, False, or a list of patterns of variable names. "
            f"Received: {patterns!r}."
        )
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in names):
            close = nearest(pattern, names) or list(names[:3])
            raise ConfigError(
                f"`trainable`: {pattern!r} fits none of the {len(names)} variables of {handle}; "
                f"among them: {', '.join(close)}."
            )
    return tuple(patterns)


def is_matched(name: str, patterns: Sequence[str]) -> bool:
    """Whether one of the patterns fits; all names do where there are none."""
    return not patterns or any(fnmatchcase(name, pattern) for pattern in patterns)
