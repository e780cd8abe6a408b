"""Hints from hidden layers, FitNets (Romero, Ballas, Kahou, Chassang, Gatta, Bengio 2015)."""

from __future__ import annotations

from typing import Any

import keras

from kerazoo.argument_checks import check_integer
from kerazoo.distill._layer_loss import LayerLoss, Names
from kerazoo.distill._loss import float32, mean
from kerazoo.distill._maps import positions_agree, shrink_to_common
from kerazoo.errors import ConfigError


@keras.saving.register_keras_serializable(package="kerazoo")
class FeatureDistillation(LayerLoss):
    """1/2 * mean((teacher - r(student))^2) over batch and elements, added up over pairs of layers.

    r is a learned linear map of the last axis (a 1x1 convolution on maps) to the teacher's width;
    where the widths agree, there is none. It is trained with the student, and belongs to the
    distiller, not to the student. Distillers made with one loss object share it.

    Features: float of any precision, `(batch, ..., channels)`, channels last, equal ranks. Of maps
    that differ in height or width the larger is averaged down to the smaller.

    Args:
        teacher_layer_name: a layer's name, or a list of several; None for the final output.
        student_layer_name: as many layers of the student.
        seed: of the projectors' initial values, 0 or above; None draws another each time.

    Raises:
        kerazoo.errors.ConfigError: the layers are not as many, or cannot be compared.

    >>> loss = kerazoo.distill.FeatureDistillation()
    >>> float(loss.compute_loss(np.array([[1.0, 2.0]]), np.array([[1.0, 4.0]])))
    1.0

    Source: arXiv:1412.6550, equation 3. Changed: the mean over elements instead of their sum, so
    that a weight fits maps of any size; a 1x1 regressor; trained together with the task instead of
    before it.
    """

    def __init__(
        self,
        teacher_layer_name: Names = None,
        student_layer_name: Names = None,
        seed: int | None = None,
    ):
        super().__init__(teacher_layer_name, student_layer_name)
        self.seed = None if seed is None else check_integer("seed", seed, least=0)
        self.projectors: dict[int, keras.layers.Layer] = {}

    @property
    def layers(self) -> list[keras.layers.Layer]:
        return list(self.projectors.values())

    def build_pair(self, number: int, teacher: tuple, student: tuple) -> None:
        is_wide = None not in (teacher[-1], student[-1])
        if len(teacher) < 2 or not is_wide or not positions_agree(teacher, student):
            raise ConfigError(
                f"FeatureDistillation compares features of equal ranks and positions, and known "
                f"widths. Received: {teacher} from the teacher, {student} from the student. Choose "
                f"other layers."
            )
        if teacher[-1] != student[-1] and number not in self.projectors:
            self.projectors[number] = self._projector(number, student, teacher[-1])

    def _projector(self, number: int, shape: tuple, width: int) -> keras.layers.Layer:
        projector = keras.layers.Dense(
            width,
            kernel_initializer=keras.initializers.GlorotUniform(self.seed),
            dtype="float32",
            name=f"projector_{number}",
        )
        projector.build(shape)
        return projector

    def pair_loss(self, number: int, teacher: Any, student: Any, labels: Any) -> Any:
        teacher, student = shrink_to_common(float32(teacher), float32(student))
        if number in self.projectors:
            student = self.projectors[number](student)
        return mean((teacher - student) ** 2) / 2

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "seed": self.seed}
