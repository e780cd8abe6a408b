"""Who chose what: pairs of users and items, divided user by user, and histories of what was chosen.

Users and items are numbers from 0 on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


def stratified_split(users: np.ndarray, ratio: float, seed: int) -> np.ndarray:
    """Of each user's rows a share drawn at random: bool, `(rows,)`, True for the first part.

    The same rows as `python_stratified_split(ratio=ratio, filter_by="user", seed=seed)` of the
    project `recommenders` takes: each row draws a number, and of a user's n rows those with the
    lowest floor(ratio n) numbers are the first part.

    >>> import numpy as np
    >>> int(stratified_split(np.array([0, 0, 0, 0, 1, 1, 1]), 0.75, seed=42).sum())  # 3 and 2
    5
    """
    import numpy as np

    order = np.lexsort((np.random.RandomState(seed).random_sample(len(users)), users))
    counts = np.bincount(users)
    starts = np.cumsum(counts) - counts
    sorted_users = users[order]
    ranks = np.arange(1, len(users) + 1) - starts[sorted_users]
    is_first = np.empty(len(users), bool)
    is_first[order] = ranks / counts[sorted_users] <= ratio
    return is_first


def histories(pairs: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """1 where a user chose an item: uint8, `shape` is (users, items); pairs: int, `(pairs, 2)`."""
    import numpy as np

    chosen = np.zeros(shape, np.uint8)
    chosen[pairs[:, 0], pairs[:, 1]] = 1
    return chosen
