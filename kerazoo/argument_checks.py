"""Checks of what constructors take: the argument, the rule and the value in one line."""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping
from typing import Any

from kerazoo.errors import ConfigError


def check_integer(name: str, value: Any, *, least: int = 1) -> int:
    """`value` as an int, NumPy's integers included, booleans not.

    Raises:
        ConfigError: it is no integer, or below `least`.
    """
    is_integer = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if not is_integer or value < least:
        raise ConfigError(f"`{name}` must be an integer of {least} or above. Received: {value!r}.")
    return int(value)


def check_number(
    name: str,
    value: Any,
    *,
    least: float | None = None,
    most: float | None = None,
    above: float | None = None,
    below: float | None = None,
) -> float:
    """`value` as a finite float within the bounds: `least` and `most` belong to them.

    Raises:
        ConfigError: it is no number, not finite, or out of bounds.
    """
    is_number = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if is_number and math.isfinite(value) and _is_within(float(value), least, most, above, below):
        return float(value)
    rules = {"of at least": least, "of at most": most, "above": above, "below": below}
    rule = " and ".join(f"{words} {bound:g}" for words, bound in rules.items() if bound is not None)
    raise ConfigError(
        f"`{name}` must be a finite number {rule}".rstrip() + f". Received: {value!r}."
    )


def check_list(name: str, value: Any, *, shortest: int = 0) -> list[Any]:
    """`value`, a list, tuple or array, as a list.

    Raises:
        ConfigError: it is one thing alone, a text or a dictionary, or shorter than `shortest`.
    """
    try:
        values = None if isinstance(value, (str, bytes, Mapping)) else list(value)
    except TypeError:  # not to be gone through, as an array without axes
        values = None
    if values is None or len(values) < shortest:
        length = f" of {shortest} or more" if shortest else ""
        raise ConfigError(f"`{name}` must be a list{length}. Received: {value!r}.")
    return values


def check_integers(name: str, value: Any, *, least: int = 1, shortest: int = 0) -> list[int]:
    """`value` as a list of ints: `check_list`, and `check_integer` of each.

    Raises:
        ConfigError: it is no list, too short, or one of it no integer or below `least`.
    """
    return [
        check_integer(name, one, least=least) for one in check_list(name, value, shortest=shortest)
    ]


def _is_within(
    value: float, least: float | None, most: float | None, above: float | None, below: float | None
) -> bool:
    return (
        (least is None or value >= least)
        and (most is None or value <= most)
        and (above is None or value > above)
        and (below is None or value < below)
    )
