"""Levenshtein distance, a whole column of the table at a time.

Hyyro 2003, "A bit-vector algorithm for computing Levenshtein and Damerau edit distances", figure
3: neighbours in a column differ by -1, 0 or 1, so two bits a row hold it, and a few operations on
integers make the next one. Python's integers have as many bits as the column has rows.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence


def edit_distance(one: Sequence[Hashable], other: Sequence[Hashable]) -> int:
    """Fewest insertions, deletions and substitutions that turn `one` into `other`."""
    if not one:
        return len(other)
    rows: dict[Hashable, int] = {}  # of each symbol of `one`, as a set of bits
    for row, symbol in enumerate(one):
        rows[symbol] = rows.get(symbol, 0) | 1 << row
    every, last = (1 << len(one)) - 1, 1 << (len(one) - 1)
    up, down = every, 0  # rows where the column rises, falls from the row above
    distance = len(one)
    for symbol in other:
        same = rows.get(symbol, 0)
        diagonal = (((same & up) + up) ^ up) | same | down  # unchanged from above left
        right_up, right_down = down | ~(diagonal | up), diagonal & up
        distance += bool(right_up & last) - bool(right_down & last)
        right_up, right_down = right_up << 1 | 1, right_down << 1
        up, down = (right_down | ~(diagonal | right_up)) & every, right_up & diagonal & every
    return distance
