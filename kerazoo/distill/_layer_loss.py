"""The base of losses between layers: which layers, in which pairs, and whether they fit."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from kerazoo.distill._loss import Loss, Names, is_shape
from kerazoo.errors import ConfigError


class LayerLoss(Loss):
    """A loss added up over pairs of layers, one of the teacher's and one of the student's.

    Subclasses compute one pair in `pair_loss`.

    Args:
        teacher_layer_name: a layer's name, or a list; None for the final output. "outer/inner" is a
            layer of the nested model "outer".
        student_layer_name: the layers of the student to compare with them, in the same order.
    """

    def __init__(self, teacher_layer_name: Names = None, student_layer_name: Names = None):
        if _count(teacher_layer_name) != _count(student_layer_name):
            raise ConfigError(
                f"`teacher_layer_name` and `student_layer_name` must name as many layers. "
                f"Received: {teacher_layer_name!r} and {student_layer_name!r}."
            )
        self.teacher_layer_name = teacher_layer_name
        self.student_layer_name = student_layer_name
        self._built_for: list[tuple[Any, Any]] = []

    def pair_loss(self, number: int, teacher: Any, student: Any, labels: Any) -> Any:
        """The loss of the pair with this number, from 0: a scalar."""
        raise NotImplementedError

    def build(self, teacher_shapes: Any, student_shapes: Any) -> None:
        pairs = list(_pairs(teacher_shapes, student_shapes))
        for teacher, student in pairs:
            for shape, role in ((teacher, "teacher"), (student, "student")):
                if not is_shape(shape):
                    raise ConfigError(
                        f"{type(self).__name__} needs the shape of one tensor of the {role}, known "
                        f"beforehand. Received: {shape}. Name a layer with one output, of a "
                        f"Functional or Sequential model."
                    )
        self._check_are_those_of_before([(tuple(t[1:]), tuple(s[1:])) for t, s in pairs])
        for number, (teacher, student) in enumerate(pairs):
            self.build_pair(number, tuple(teacher), tuple(student))

    def _check_are_those_of_before(self, pairs: list[tuple[Any, Any]]) -> None:
        """What a loss has learned goes with it to another distiller, of models of equal sizes."""
        if self.layers and pairs != self._built_for:
            raise ConfigError(
                f"This {type(self).__name__} was built for features {self._built_for} of another "
                f"teacher and student. Received: {pairs}. Make a new loss."
            )
        self._built_for = pairs

    def build_pair(self, number: int, teacher: tuple, student: tuple) -> None:
        """Check the shapes of one pair, and make its layers."""

    def check_fixed_sizes(self, teacher: tuple, student: tuple) -> None:
        """For `build_pair` of losses that take all of a sample's features as one row."""
        if None in (*teacher[1:], *student[1:]):
            raise ConfigError(
                f"{type(self).__name__} needs features of fixed sizes. Received: {teacher} "
                f"from the teacher, {student} from the student. Choose other layers."
            )

    def compute_loss(
        self, teacher_outputs: Any, student_outputs: Any, y: Any = None, **kwargs: Any
    ) -> Any:
        pairs = _pairs(teacher_outputs, student_outputs)
        return sum(self.pair_loss(number, *pair, y) for number, pair in enumerate(pairs))

    def validate_outputs(self, teacher_outputs: Any, student_outputs: Any) -> None:
        """Nothing beyond what `build` checks."""

    def get_config(self) -> dict[str, Any]:
        return {
            "teacher_layer_name": self.teacher_layer_name,
            "student_layer_name": self.student_layer_name,
        }


def _count(names: Names) -> int:
    return len(names) if isinstance(names, list | tuple) else 1


def _pairs(teacher: Any, student: Any) -> Iterable[tuple[Any, Any]]:
    """Values of several layers come as lists; one shape is a list too."""
    if isinstance(teacher, list | tuple) and not is_shape(teacher):
        return zip(teacher, student, strict=True)
    return [(teacher, student)]
