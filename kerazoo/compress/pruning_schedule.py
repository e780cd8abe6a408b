"""How sparse a weight is to be after each update: the base of the schedules."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from kerazoo.argument_checks import check_integer
from kerazoo.errors import ConfigError


class PruningSchedule:
    """A sparsity for each update of the optimizer, and the updates that choose zeros anew.

    Updates, calls of the optimizer, count from 0. Zeros are chosen every `frequency` updates
    from `begin_step` to `end_step`, both included; before, nothing is zero, and after, the last
    choice stays. Subclasses give `sparsity(step)` and `final_sparsity`.

    Args:
        begin_step: first update that chooses, 0 or above.
        end_step: last update that may, at or after `begin_step`; -1 for no end.
        frequency: updates from one choice to the next, 1 or above.
    """

    final_sparsity: float
    """Fraction of zeros at the end, in [0, 1)."""

    def __init__(self, begin_step: int, end_step: int, frequency: int):
        self.begin_step = check_integer("begin_step", begin_step, least=0)
        self.end_step = check_integer("end_step", end_step, least=-1)
        self.frequency = check_integer("frequency", frequency)
        if self.end_step != -1 and self.end_step < self.begin_step:
            raise ConfigError(
                f"`end_step` must not be before `begin_step`. Received: begin_step={begin_step}, "
                f"end_step={end_step}."
            )

    def sparsity(self, step: Any) -> Any:
        """Fraction of zeros, in [0, 1), float32, that the update number `step` is to reach."""
        raise NotImplementedError

    def is_due(self, step: Any) -> Any:
        """Whether the update number `step`, an integer, chooses zeros anew: a boolean tensor."""
        step = ops.convert_to_tensor(step)
        is_due = (step >= self.begin_step) & ((step - self.begin_step) % self.frequency == 0)
        return is_due if self.end_step == -1 else is_due & (step <= self.end_step)

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        return {
            "begin_step": self.begin_step,
            "end_step": self.end_step,
            "frequency": self.frequency,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> PruningSchedule:
        """The schedule again."""
        return cls(**config)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, PruningSchedule) or type(self) is not type(other):
            return False
        return self.get_config() == other.get_config()

    def __hash__(self) -> int:
        return hash((type(self).__name__, *self.get_config().values()))


def as_schedule(schedule: Any) -> PruningSchedule:
    """A schedule from itself or from its serialized form."""
    if isinstance(schedule, dict):
        schedule = keras.saving.deserialize_keras_object(schedule)
    if not isinstance(schedule, PruningSchedule):
        raise ConfigError(
            f"`schedule` must be a PruningSchedule, such as PolynomialDecay or ConstantSparsity. "
            f"Received: {schedule!r}."
        )
    return schedule
