"""What a recipe trains: its model alone, or the model inside a train step or a distiller."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras

import kerazoo.distill
import kerazoo.training.steps
from kerazoo.errors import ConfigError
from kerazoo.zoo.build import open_model
from kerazoo.zoo.compilation import make, snake_case
from kerazoo.zoo.config import Distillation, TrainStep, ZooConfig


@dataclass(frozen=True)
class Trainer:
    """A model in training.

    Attributes:
        model: the one that the recipe is about.
        compiled: the one that is compiled and gets the batches: `model`, or what is around it.
    """

    model: keras.Model
    compiled: keras.Model


def make_trainer(model: keras.Model, config: ZooConfig) -> Trainer:
    """`model` inside what the recipe puts around it.

    Raises:
        UnknownNameError: no such train step, distillation loss or teacher.
        ConfigError: one of them refuses its arguments or the model, or the recipe has both.
    """
    step, distillation = config.training.step, config.distillation
    if step is not None and distillation is not None:
        raise ConfigError(
            f"{config.name}: training.step and distillation cannot be combined. Remove one."
        )
    if step is not None:
        return Trainer(model, _train_step(model, step))
    if distillation is not None:
        return Trainer(model, _distiller(model, distillation))
    return Trainer(model, model)


def _train_step(model: keras.Model, step: TrainStep) -> keras.Model:
    known = _by_name(kerazoo.training.steps)
    return make("train step", step.name, known, {"model": model, **step.arguments})


def _distiller(student: keras.Model, distillation: Distillation) -> keras.Model:
    known = _by_name(kerazoo.distill)
    losses = [
        make("distillation loss", loss.name, known, loss.arguments) for loss in distillation.losses
    ]
    return kerazoo.distill.Distiller(
        open_model(distillation.teacher),
        student,
        losses,
        loss_weights=[loss.weight for loss in distillation.losses],
        student_loss_weight=distillation.student_loss_weight,
    )


def _by_name(package: Any) -> dict[str, Any]:
    return {snake_case(name): getattr(package, name) for name in package.__all__}
