"""Labels of a classification, as class ids or as one-hot or multi-hot rows, behind one face."""

from __future__ import annotations

from typing import Any

from keras import ops

from kerazoo.argument_checks import check_integer
from kerazoo.errors import DataError


class ClassIds:
    """One relevant class per sample; none where the id is outside 0 .. classes - 1.

    Compiled code cannot raise, so a wrong id has to mean something: what a row of zeros means.
    """

    def __init__(self, ids: Any, classes: int):
        self.ids, self.classes = ops.cast(ops.reshape(ids, (-1,)), "int32"), classes

    def have(self, class_id: int) -> Any:
        """Whether each sample is labelled `class_id`: bool, `(batch,)`."""
        return self.ids == class_id

    def at(self, positions: Any) -> Any:
        """Whether these classes, `(batch, k)`, are relevant to their sample: bool, `(batch, k)`."""
        return ops.cast(positions, "int32") == self.ids[:, None]

    def weigh(self, weights: Any) -> Any:
        """Per class, the weights, `(batch,)`, of its samples added up: `(classes,)`."""
        known = ops.logical_and(self.ids >= 0, self.ids < self.classes)
        ids = ops.where(known, self.ids, 0)
        return ops.segment_sum(ops.where(known, weights, 0.0), ids, num_segments=self.classes)


class ClassRows:
    """Any number of relevant classes per sample: those where its row is above 0."""

    def __init__(self, rows: Any, classes: int):
        self.rows, self.classes = ops.cast(rows, "float32"), classes

    def have(self, class_id: int) -> Any:
        """As `ClassIds.have`; no sample has a class that no column stands for."""
        known = 0 <= class_id < self.classes
        return self.rows[:, class_id] > 0 if known else ops.zeros_like(self.rows[:, 0], "bool")

    def at(self, positions: Any) -> Any:
        """As `ClassIds.at`."""
        return ops.take_along_axis(self.rows, positions, axis=1) > 0

    def weigh(self, weights: Any) -> Any:
        """As `ClassIds.weigh`. No matmul: accelerators round its operands."""
        return ops.sum(ops.where(self.rows > 0, weights[:, None], 0.0), axis=0)


def check_label(name: str, label: Any) -> int | None:
    """`label` as an int, or None; it may be no class at all, such as -1 or 255.

    Raises: ConfigError if it is something else.
    """
    return None if label is None else check_integer(name, label, least=-(2**31))


def class_labels(y_true: Any, classes: int) -> ClassIds | ClassRows:
    """Tell ids from rows by shape alone: `(batch, classes)` are rows, whatever the dtype.

    `(batch,)` and, for two classes or more, `(batch, 1)` are ids. Raises: DataError for others.
    """
    shape = tuple(y_true.shape)
    if len(shape) == 2 and shape[1] == classes:
        return ClassRows(y_true, classes)
    if len(shape) == 1 or (len(shape) == 2 and shape[1] == 1):
        return ClassIds(y_true, classes)
    raise DataError(
        f"`y_true` must hold class ids, (batch,) or (batch, 1), or rows, (batch, {classes}), as "
        f"`y_pred` has {classes} classes. Received: y_true of shape {shape}."
    )
