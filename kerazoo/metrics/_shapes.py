"""Comparing shapes of which some lengths are not known until the graph runs."""

from __future__ import annotations

from kerazoo.errors import DataError

Shape = tuple[int | None, ...]


def agree(one: Shape, other: Shape) -> bool:
    """Whether both have as many axes and no length is known to differ."""
    return len(one) == len(other) and all(
        a is None or b is None or a == b for a, b in zip(one, other, strict=True)
    )


def without_last_one(shape: Shape, *, axes: int) -> Shape:
    """The shape, without its last axis if that has length 1 and is one more than `axes`."""
    return shape[:-1] if len(shape) == axes + 1 and shape[-1] == 1 else shape


def check_is_batch(name: str, shape: Shape) -> None:
    """Raise `DataError`, with the argument's `name`, for the shape of a single number."""
    if not shape:
        raise DataError(f"`{name}` must be a batch, (batch, ...). Received: shape ().")
