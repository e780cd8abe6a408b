"""Names and patterns of layers, as `skip` takes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kerazoo.errors import ConfigError


def as_patterns(skip: Any) -> list[str]:
    """`skip` as a list of names; one name may stand for itself."""
    patterns = [skip] if isinstance(skip, str) else skip
    if isinstance(patterns, Sequence) and all(isinstance(each, str) for each in patterns):
        return list(patterns)
    raise ConfigError(f"`skip` must be a list of names. Received: {skip!r}. Leave it out for none.")
