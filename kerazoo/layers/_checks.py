"""What the layers demand of their arguments, and the one-line errors they answer with."""

from __future__ import annotations

from typing import Any

from kerazoo.argument_checks import check_integer
from kerazoo.errors import ConfigError, DataError


def as_pair(name: str, value: Any) -> tuple[int, int]:
    """`value` as (height, width); `ConfigError` unless it is an integer above 0, or two of them."""
    pair = value if isinstance(value, (tuple, list)) else (value, value)
    if len(pair) != 2:
        raise ConfigError(
            f"`{name}` must be an integer of 1 or above, or two of them: height and width. "
            f"Received: {value!r}."
        )
    return check_integer(name, pair[0]), check_integer(name, pair[1])


def check_channels(layer: str, input_shape: tuple[int | None, ...]) -> None:
    """Raise `DataError` unless `input_shape` is that of images whose channels are counted."""
    if len(input_shape) != 4 or input_shape[-1] is None:
        raise DataError(
            f"Layer {layer!r} takes (batch, height, width, channels) with a known number of "
            f"channels. Received: input_shape={tuple(input_shape)}."
        )


def check_sequence(
    layer: str, input_shape: tuple[int | None, ...], *, may_have_heads: bool = False
) -> None:
    """Raise `DataError` unless `input_shape` is that of sequences whose features are counted."""
    ranks: tuple[int, ...] = (3,)
    shapes = "(batch, time, features)"
    if may_have_heads:
        ranks, shapes = (3, 4), f"{shapes} or (batch, time, heads, features)"
    if len(input_shape) not in ranks or input_shape[-1] is None:
        raise DataError(
            f"Layer {layer!r} takes {shapes} with a known number of features. "
            f"Received: input_shape={tuple(input_shape)}."
        )
