"""What builders demand of their arguments: a `ConfigError` names it, the rule and the value."""

from __future__ import annotations

from typing import Any

from kerazoo.argument_checks import check_integer, check_list, check_number
from kerazoo.errors import ConfigError


def check_counts(**arguments: Any) -> None:
    """Each must be an integer of 1 or above."""
    for name, value in arguments.items():
        check_integer(name, value)


def check_dropped(**arguments: Any) -> None:
    """Each must be a fraction that is dropped: 0 to below 1."""
    for name, value in arguments.items():
        check_number(name, value, least=0, below=1)


def check_shape(input_shape: Any, *axes: str, open_axes: int = 0) -> tuple[Any, ...]:
    """`input_shape` as a tuple: an integer of 1 or above for each of `axes`, by their names.

    So many of the first ones as `open_axes` says may be None, a size that is not known.
    """
    shape = tuple(check_list("input_shape", input_shape))
    if len(shape) != len(axes):
        names = ", ".join(axes) + "," * (len(axes) == 1)
        raise ConfigError(f"`input_shape` must be ({names}). Received: {shape}.")
    for place, size in enumerate(shape):
        if size is not None or place >= open_axes:
            check_integer(f"input_shape[{place}]", size)
    return shape
