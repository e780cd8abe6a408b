"""Running sums in float32 that keep what float32 alone would round away.

A float32 count stops rising at 2 ** 24 (16.8 million), since 1 is less than its last digit: a big
validation set is enough. Here each sum has a second number that collects the rounding errors of
the first, which TwoSum (Knuth, The Art of Computer Programming 2, 4.2.2, theorem B) finds exactly.
Counts stay exact to beyond 2 ** 40. Both parts are plain sums, so replicas may be added up.
"""

from __future__ import annotations

from typing import Any

from keras import ops


def add_to(state: Any, amount: Any) -> None:
    """Add `amount`, `(...)`, to the variable `state`, `(2, ...)`: the sum, and what it lost."""
    total, lost = state[0], state[1]
    new = total + amount
    added = new - total
    error = (total - (new - added)) + (amount - added)
    state.assign(ops.stack([new, lost + error]))


def value_of(state: Any) -> Any:
    """The sum as one float32, `(...)`."""
    return state[0] + state[1]
