"""Names and patterns of layers, as `skip` takes them."""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence
from typing import Any

from kerazoo.errors import ConfigError


class ExactName(str):
    """In the place of a pattern: the one layer that has this name among all of a model.

    Layers in two nested models may be called the same; of these one keeps its name, the other has
    that of its model in front, and a pattern for the short name matches both.
    """

    __slots__ = ()


def matches(pattern: str, names: Sequence[str]) -> bool:
    """Whether `pattern` is for the layer of these names, the first being its own."""
    if isinstance(pattern, ExactName):
        return pattern == names[0]
    return bool(fnmatch.filter(names, pattern))


def as_patterns(skip: Any) -> list[str]:
    """`skip` as a list of names; one name may stand for itself."""
    patterns = [skip] if isinstance(skip, str) else skip
    if isinstance(patterns, Sequence) and all(isinstance(each, str) for each in patterns):
        return list(patterns)
    raise ConfigError(f"`skip` must be a list of names. Received: {skip!r}. Leave it out for none.")
