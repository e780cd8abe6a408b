"""What a recipe trains: its model alone, or the model inside a train step or a distiller."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import keras

import kerazoo.distill
import kerazoo.training.steps
from kerazoo.errors import ConfigError
from kerazoo.zoo.build import open_model
from kerazoo.zoo.catalogue import list_models
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
        ConfigError: one of them refuses its arguments or the model, or the recipe has both, or a
            teacher that runs once where distortions move the targets.
    """
    step, distillation = config.training.step, config.distillation
    if step is not None and distillation is not None:
        raise ConfigError(
            f"{config.name}: training.step and distillation cannot be combined. Remove one."
        )
    if step is not None:
        return Trainer(model, _train_step(model, step))
    if distillation is not None:
        _check_cached(config)
        return Trainer(model, _distiller(model, distillation))
    return Trainer(model, model)


def _check_cached(config: ZooConfig) -> None:
    """Masks and boxes move with their image; what a teacher said of it before does not."""
    augment, distillation = config.data.augment, config.distillation
    if augment and distillation and distillation.cached and augment.targets != "labels":
        raise ConfigError(
            f"{config.name}: distillation.cached cannot be combined with data.augment.targets: "
            f"{augment.targets}. The teacher's outputs would not move with the image. Remove one."
        )


def _train_step(model: keras.Model, step: TrainStep) -> keras.Model:
    package = kerazoo.training.steps
    known = {snake_case(name): getattr(package, name) for name in package.__all__}
    return make("train step", step.name, known, {"model": model, **step.arguments})


def _distiller(student: keras.Model, distillation: Distillation) -> keras.Model:
    return kerazoo.distill.Distiller(
        _teacher(distillation.teacher),
        student,
        [{"name": loss.name, **loss.arguments} for loss in distillation.losses],
        loss_weights=[loss.weight for loss in distillation.losses],
        student_loss_weight=distillation.student_loss_weight,
    )


def _teacher(name_or_path: str) -> keras.Model | str:
    """A zoo model, or the path of a file or SavedModel folder, which the distiller opens.

    A name is a zoo model's, whatever lies in the current folder; "./NAME" is what lies there.
    """
    path = Path(name_or_path)
    is_folder = path.is_dir() and name_or_path not in list_models()
    if path.suffix in (".keras", ".tflite") or is_folder:
        return name_or_path
    return open_model(name_or_path)
