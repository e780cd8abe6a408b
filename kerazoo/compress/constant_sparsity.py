"""One sparsity from the first step of pruning to the last."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from kerazoo.argument_checks import check_number
from kerazoo.compress.pruning_schedule import PruningSchedule


@keras.saving.register_keras_serializable(package="kerazoo")
class ConstantSparsity(PruningSchedule):
    """`target_sparsity` at every step. For fine-tuning of a model that is trained already.

    Source: TensorFlow Model Optimization, pruning_schedule.py; the same steps.

    Args:
        target_sparsity: fraction of zeros, in [0, 1).
        begin_step: first update of the optimizer that chooses zeros, from 0.
        end_step: last update that may; -1 for no end. The zeros stay after it.
        frequency: updates from one choice to the next.

    Raises:
        ConfigError: an argument out of its range.

    >>> schedule = ConstantSparsity(0.5, begin_step=100, frequency=10)
    >>> float(schedule.sparsity(7)), [bool(schedule.is_due(step)) for step in (90, 100, 105, 110)]
    (0.5, [False, True, False, True])
    """

    def __init__(
        self, target_sparsity: float, begin_step: int, end_step: int = -1, frequency: int = 100
    ):
        super().__init__(begin_step, end_step, frequency)
        self.target_sparsity = check_number("target_sparsity", target_sparsity, least=0, below=1)
        self.final_sparsity = self.target_sparsity

    def sparsity(self, step: Any) -> Any:
        return ops.convert_to_tensor(self.target_sparsity, "float32")

    def get_config(self) -> dict[str, Any]:
        return {"target_sparsity": self.target_sparsity, **super().get_config()}
