"""Names of layers that are made for one number each."""

from __future__ import annotations

from collections.abc import Sequence


def with_numbers(name: str, numbers: Sequence[int]) -> list[str]:
    """A name for each number; of one that was there before, with how many times by then.

    >>> with_numbers("block", [1, 2, 1])
    ['block_1', 'block_2', 'block_1_2']
    """
    before = [list(numbers[:place]).count(number) for place, number in enumerate(numbers)]
    return [
        f"{name}_{number}_{times + 1}" if times else f"{name}_{number}"
        for number, times in zip(numbers, before, strict=True)
    ]
