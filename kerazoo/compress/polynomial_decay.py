"""Sparsity that grows fast at first and slowly at the end (Zhu, Gupta 2017)."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from kerazoo.argument_checks import check_integer, check_number
from kerazoo.compress.pruning_schedule import PruningSchedule


@keras.saving.register_keras_serializable(package="kerazoo")
class PolynomialDecay(PruningSchedule):
    """final + (initial - final) * (1 - p) ** power, p = (step - begin) / (end - begin) in [0, 1].

    Source: Zhu, Gupta 2017, "To prune, or not to prune", arXiv:1710.01878, equation 1; the values
    are those of TensorFlow Model Optimization. Choose `end_step` so that some steps of training
    follow, and so that `frequency` divides `end_step - begin_step`: the last choice of zeros is the
    last step of the grid, and only at `end_step` the sparsity is the final one.

    Args:
        initial_sparsity: fraction of zeros at `begin_step`, in [0, 1).
        final_sparsity: fraction of zeros at `end_step` and after, in [0, 1).
        begin_step: first update of the optimizer that chooses zeros, from 0.
        end_step: last update that may, after `begin_step`. The zeros stay after it.
        power: of the curve, above 0; 1 is a line.
        frequency: updates from one choice to the next.

    Raises:
        ConfigError: an argument out of its range.

    >>> schedule = PolynomialDecay(0.0, 0.8, begin_step=0, end_step=1000)
    >>> [round(float(schedule.sparsity(step)), 3) for step in (0, 100, 500, 1000, 2000)]
    [0.0, 0.217, 0.7, 0.8, 0.8]
    """

    def __init__(
        self,
        initial_sparsity: float,
        final_sparsity: float,
        begin_step: int,
        end_step: int,
        power: float = 3,
        frequency: int = 100,
    ):
        begin_step = check_integer("begin_step", begin_step, least=0)
        check_integer("end_step", end_step, least=begin_step + 1)
        super().__init__(begin_step, end_step, frequency)
        self.initial_sparsity = check_number("initial_sparsity", initial_sparsity, least=0, below=1)
        self.final_sparsity = check_number("final_sparsity", final_sparsity, least=0, below=1)
        self.power = check_number("power", power, above=0)

    def sparsity(self, step: Any) -> Any:
        passed = ops.cast(ops.convert_to_tensor(step) - self.begin_step, "float32")
        progress = ops.clip(passed / (self.end_step - self.begin_step), 0.0, 1.0)
        span = self.initial_sparsity - self.final_sparsity
        return self.final_sparsity + span * (1.0 - progress) ** self.power

    def get_config(self) -> dict[str, Any]:
        return {
            "initial_sparsity": self.initial_sparsity,
            "final_sparsity": self.final_sparsity,
            **super().get_config(),
            "power": self.power,
        }
