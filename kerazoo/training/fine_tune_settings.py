"""What a fine-tuning is told, checked before anything is read or built."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kerazoo.argument_checks import check_integer, check_number
from kerazoo.datasets import Augment
from kerazoo.errors import ConfigError, unknown_name
from kerazoo.training.unfreezing import check_stages

METHODS = ("mixup", "cutmix")
"""Of mixing two samples."""


@dataclass(frozen=True)
class Settings:
    """The arguments of `fine_tune` that are numbers and choices, checked."""

    num_classes: int | None
    epochs: int
    unfreeze: Any
    head_epochs: int
    batch_size: int
    learning_rate: float
    class_weights: str | Mapping[int, float] | None
    augment: Augment | str | None
    mix: str | None
    label_smoothing: float
    image_size: int | None
    lora_rank: int | None
    patience: int
    precision: str
    seed: int

    def __post_init__(self) -> None:
        for name in ("head_epochs", "batch_size", "patience"):
            check_integer(name, getattr(self, name))
        for name in ("epochs", "seed"):
            check_integer(name, getattr(self, name), least=0)
        if self.seed >= 2**31:
            raise ConfigError(f"`seed` must be below 2**31. Received: {self.seed}.")
        for name in ("num_classes", "image_size", "lora_rank"):
            if (value := getattr(self, name)) is not None:
                check_integer(name, value, least=2 if name == "num_classes" else 1)
        check_number("learning_rate", self.learning_rate, above=0.0)
        check_number("label_smoothing", self.label_smoothing, least=0.0, below=1.0)
        check_stages(self.unfreeze)
        if self.precision not in ("auto", "float32", "mixed_bfloat16", "mixed_float16"):
            raise ConfigError(
                f"`precision` must be 'auto', 'float32', 'mixed_bfloat16' or 'mixed_float16'. "
                f"Received: {self.precision!r}."
            )
        if self.mix not in (None, *METHODS):
            raise unknown_name("mix", str(self.mix), METHODS)
        if self.augment != "auto" and not isinstance(self.augment, Augment | None):
            raise ConfigError(
                f"`augment` must be 'auto', a kerazoo.datasets.Augment or None. "
                f"Received: {self.augment!r}."
            )

    @property
    def stages(self) -> tuple[float, ...]:
        """Share of the layers that are trained; with LoRA, all layers have their additions."""
        return (1.0,) if self.lora_rank is not None else check_stages(self.unfreeze)
