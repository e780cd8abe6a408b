"""Feature maps of teacher and student, brought to one height and width."""

from __future__ import annotations

from typing import Any

from keras import ops


def positions_agree(teacher: tuple, student: tuple) -> bool:
    """Whether features of these shapes, `(batch, positions..., channels)`, can be compared.

    Maps may differ in height and width: `shrink_to_common` makes them equal where they are fixed.
    """
    if len(teacher) != len(student):
        return False
    is_shrinkable = len(teacher) == 4 and None not in (*teacher[1:3], *student[1:3])
    return is_shrinkable or teacher[1:-1] == student[1:-1]


def shrink_to_common(teacher: Any, student: Any) -> tuple[Any, Any]:
    """Average the larger of two maps `(batch, height, width, channels)` down to the smaller.

    Each side by itself; maps of other ranks, and of sizes that are not fixed, stay as they are.
    """
    if len(teacher.shape) != 4 or None in (*teacher.shape[1:3], *student.shape[1:3]):
        return teacher, student
    size = tuple(map(min, teacher.shape[1:3], student.shape[1:3]))
    return _shrink(teacher, size), _shrink(student, size)


def _shrink(maps: Any, size: tuple[int, ...]) -> Any:
    if tuple(maps.shape[1:3]) == size:
        return maps
    return ops.adaptive_average_pool(maps, size, data_format="channels_last")
