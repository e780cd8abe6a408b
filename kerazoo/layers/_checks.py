"""What the layers demand of their arguments, and the one-line errors they answer with."""

from __future__ import annotations

import math
from typing import Any

from kerazoo.errors import ConfigError, DataError


def check_count(name: str, value: Any) -> None:
    """Raise `ConfigError` unless `value` is an integer above 0."""
    if not _is_count(value):
        raise ConfigError(f"`{name}` must be an integer above 0. Received: {name}={value!r}.")


def as_pair(name: str, value: Any) -> tuple[int, int]:
    """`value` as (height, width); `ConfigError` unless it is an integer above 0, or two of them."""
    pair = tuple(value) if isinstance(value, (tuple, list)) else (value, value)
    if len(pair) != 2 or not all(map(_is_count, pair)):
        raise ConfigError(
            f"`{name}` must be an integer above 0, or two of them: height and width. "
            f"Received: {name}={value!r}."
        )
    return pair


def check_drop_rate(name: str, value: Any) -> None:
    """Raise `ConfigError` unless `value` is a probability below 1; nothing would be left at 1."""
    if not (_is_number(value) and 0 <= value < 1):
        raise ConfigError(f"`{name}` must be from 0 to below 1. Received: {name}={value!r}.")


def check_positive(name: str, value: Any) -> None:
    """Raise `ConfigError` unless `value` is a finite number above 0."""
    if not (_is_number(value) and 0 < value < math.inf):
        raise ConfigError(f"`{name}` must be a number above 0. Received: {name}={value!r}.")


def check_finite(name: str, value: Any) -> None:
    """Raise `ConfigError` unless `value` is a number, neither infinite nor NaN."""
    if not (_is_number(value) and math.isfinite(value)):
        raise ConfigError(f"`{name}` must be a finite number. Received: {name}={value!r}.")


def check_channels(layer: str, input_shape: tuple[int | None, ...]) -> None:
    """Raise `DataError` unless `input_shape` is that of images whose channels are counted."""
    if len(input_shape) != 4 or input_shape[-1] is None:
        raise DataError(
            f"Layer {layer!r} takes (batch, height, width, channels) with a known number of "
            f"channels. Received: input_shape={tuple(input_shape)}."
        )


def check_sequence(layer: str, input_shape: tuple[int | None, ...]) -> None:
    """Raise `DataError` unless the last axis of `input_shape`, the features, is counted."""
    if input_shape[-1] is None:
        raise DataError(
            f"Layer {layer!r} takes (batch, time, ..., features) with a known number of features. "
            f"Received: input_shape={tuple(input_shape)}."
        )


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
