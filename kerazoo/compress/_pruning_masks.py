"""Which weights stay: the largest ones, alone, of each n neighbours, or in blocks.

Magnitudes are compared, equal ones by position, the first first; so the number that stays is exact
for any weights, zeros included, and a mask chosen again for the same number is the same.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from keras import ops


def largest(scores: Any, count: Any) -> Any:
    """True at the `count` largest of `scores`, boolean, of the same shape.

    Args:
        scores: float32, 0 or above, any shape.
        count: int32 tensor or number, from 1 to the number of scores.

    The threshold is found by bisection: some 25 passes over the scores, where sorting 3 million
    takes ten times as long.
    """
    count = ops.convert_to_tensor(count, "int32")
    positive = _count(scores > 0.0)
    # Invariant: at least `count` scores are above `low`, fewer (or none to spare) above `high`.
    low = ops.where(positive >= count, 0.0, -1.0)
    high = ops.where(positive >= count, ops.max(scores), 0.0)
    low, high, _ = ops.while_loop(
        lambda low, high, found: ~found & (high > 0.0) & _has_between(low, high),
        lambda low, high, found: _halve(scores, count, low, high),
        (low, high, ops.convert_to_tensor(False)),
    )
    above = scores > high
    between = (scores > low) & (scores <= high)
    rank = ops.cumsum(ops.cast(ops.reshape(between, (-1,)), "int32"))
    chosen = ops.reshape(rank <= count - _count(above), scores.shape)
    return above | (between & chosen)


def _has_between(low: Any, high: Any) -> Any:
    middle = low + (high - low) / 2
    return (low < middle) & (middle < high)


def _halve(scores: Any, count: Any, low: Any, high: Any) -> tuple[Any, Any, Any]:
    middle = low + (high - low) / 2
    above = _count(scores > middle)
    is_low = above >= count
    return ops.where(is_low, middle, low), ops.where(is_low, high, middle), above == count


def _count(mask: Any) -> Any:
    return ops.sum(ops.cast(mask, "int32"))


def largest_of_each(scores: Any, kept: int, group: int, axis: int = -2) -> Any:
    """True at the `kept` largest of every `group` neighbours along `axis`.

    A last group with fewer members keeps up to `kept` of them.
    """
    size = scores.shape[axis]
    moved = ops.moveaxis(scores, axis, -1)
    padding = -size % group
    padded = ops.pad(moved, [(0, 0)] * (len(moved.shape) - 1) + [(0, padding)], constant_values=-1)
    groups = ops.reshape(padded, (-1, group))
    rank = ops.zeros_like(groups)
    for other in range(group):
        rival = groups[:, other : other + 1]
        is_earlier = ops.convert_to_tensor([[other < place for place in range(group)]])
        beats = (rival > groups) | ((rival == groups) & is_earlier)
        rank = rank + ops.cast(beats, rank.dtype)
    mask = ops.reshape(rank < kept, padded.shape)
    return ops.moveaxis(mask[..., :size], -1, axis)


def block_scores(scores: Any, block_size: Sequence[int], pooling: str) -> Any:
    """Mean ("avg") or largest ("max") score of each block of the matrix (all other axes, outputs).

    Blocks at the edges may be smaller; their mean is of the members they have.
    """
    rows, columns = matrix_shape(scores.shape)
    height, width = block_size
    blocks = (math.ceil(rows / height), math.ceil(columns / width))
    gaps = [(0, blocks[0] * height - rows), (0, blocks[1] * width - columns)]
    shape = (blocks[0], height, blocks[1], width)
    split = ops.reshape(ops.pad(ops.reshape(scores, (rows, columns)), gaps), shape)
    if pooling == "max":
        return ops.max(split, axis=(1, 3))
    members = ops.reshape(ops.pad(ops.ones((rows, columns), scores.dtype), gaps), shape)
    return ops.sum(split, axis=(1, 3)) / ops.sum(members, axis=(1, 3))


def spread_blocks(mask: Any, block_size: Sequence[int], shape: Sequence[int]) -> Any:
    """A mask of blocks as one of weights of `shape`."""
    rows, columns = matrix_shape(shape)
    spread = ops.repeat(ops.repeat(mask, block_size[0], axis=0), block_size[1], axis=1)
    return ops.reshape(spread[:rows, :columns], tuple(shape))


def matrix_shape(shape: Sequence[int]) -> tuple[int, int]:
    """Of a weight as a matrix with outputs, its last axis, as columns."""
    return math.prod(shape[:-1]), shape[-1]
