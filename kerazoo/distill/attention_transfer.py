"""Attention transfer (Zagoruyko, Komodakis 2017, "Paying more attention to attention")."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from kerazoo.argument_checks import check_number
from kerazoo.distill._layer_loss import LayerLoss, Names
from kerazoo.distill._loss import float32, mean
from kerazoo.distill._maps import positions_agree, shrink_to_common
from kerazoo.distill._rows import length, rows, unit
from kerazoo.errors import ConfigError


@keras.saving.register_keras_serializable(package="kerazoo")
class AttentionTransfer(LayerLoss):
    """1/2 * |a(teacher) - a(student)|, mean over the batch, added up over pairs of layers.

    a is where a layer looks: the sum over channels of |activation|^power at each position, all
    positions of a sample as one vector of length 1. The loss is 0 to sqrt(2) / 2 per pair.

    Features: `(batch, positions..., channels)`, channels last; channels may differ in number. Of
    maps that differ in height or width the larger is averaged down to the smaller.

    Args:
        teacher_layer_name: a layer's name, or a list of several.
        student_layer_name: as many layers of the student.
        power: 1 or above; 2 in the paper. Higher powers look at the strongest activations only.

    Raises:
        kerazoo.errors.ConfigError: an argument breaks its rule, or the layers have no positions.

    >>> loss = kerazoo.distill.AttentionTransfer("conv", "conv")
    >>> teacher, student = np.array([[[[1.0], [0.0]]]]), np.array([[[[0.0], [1.0]]]])
    >>> round(float(loss.compute_loss(teacher, student)), 4)
    0.7071

    Source: arXiv:1612.03928, equation 2 with the Euclidean norm. (The authors' code takes the mean
    of the squared differences instead.)
    """

    def __init__(
        self,
        teacher_layer_name: Names = None,
        student_layer_name: Names = None,
        power: float = 2.0,
    ):
        super().__init__(teacher_layer_name, student_layer_name)
        self.power = check_number("power", power, least=1)

    def build_pair(self, number: int, teacher: tuple, student: tuple) -> None:
        is_fixed = None not in (*teacher[1:-1], *student[1:-1])
        if len(teacher) < 3 or not is_fixed or not positions_agree(teacher, student):
            raise ConfigError(
                f"AttentionTransfer compares maps with channels last and fixed sizes, (batch, "
                f"height, width, channels). Received: {teacher} from the teacher, {student} from "
                f"the student. Choose convolutions."
            )

    def pair_loss(self, number: int, teacher: Any, student: Any, labels: Any) -> Any:
        teacher, student = shrink_to_common(float32(teacher), float32(student))
        return mean(length(self._attention(teacher) - self._attention(student))) / 2

    def _attention(self, features: Any) -> Any:
        return unit(rows(ops.sum(ops.abs(features) ** self.power, axis=-1)))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "power": self.power}
