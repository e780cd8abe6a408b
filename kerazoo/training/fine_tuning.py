"""One fine-tuning: data, model, head, stages, and the trained model with its report."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kerazoo.argument_checks import check_integer, check_number
from kerazoo.datasets import Augment
from kerazoo.datasets import info as dataset_info
from kerazoo.datasets import list_datasets
from kerazoo.errors import ConfigError, DataError, MissingDependencyError
from kerazoo.notices import notice
from kerazoo.training import callbacks, checkpoint, lora, report_on_mistakes
from kerazoo.training.checkpoint import History
from kerazoo.training.depth_rates import DepthRates
from kerazoo.training.frozen_features import train_head
from kerazoo.training.labelled_data import LabelledData, labelled_data, split
from kerazoo.training.loop import Loop
from kerazoo.training.precision import choose, dtype_policy
from kerazoo.training.run import TrainResult
from kerazoo.training.run_folder import RunFolder
from kerazoo.training.training_batches import TrainingBatches, balanced, check_files
from kerazoo.training.transfer_model import TransferModel, transfer_model
from kerazoo.training.unfreezing import check_stages, depth_factors, unfreeze

_HELD_OUT = 0.1
_MONITOR = "val_loss"


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
        for name in ("num_classes", "image_size", "lora_rank"):
            if (value := getattr(self, name)) is not None:
                check_integer(name, value, least=2 if name == "num_classes" else 1)
        check_number("learning_rate", self.learning_rate, above=0.0)
        check_stages(self.unfreeze)
        if self.precision not in ("auto", "float32", "mixed_bfloat16", "mixed_float16"):
            raise ConfigError(
                f"`precision` must be 'auto', 'float32', 'mixed_bfloat16' or 'mixed_float16'. "
                f"Received: {self.precision!r}."
            )
        if self.augment != "auto" and not isinstance(self.augment, Augment | None):
            raise ConfigError(
                f"`augment` must be 'auto', a kerazoo.datasets.Augment or None. "
                f"Received: {self.augment!r}."
            )

    @property
    def stages(self) -> tuple[float, ...]:
        """Share of the layers that are trained; with LoRA, all layers have their additions."""
        return (1.0,) if self.lora_rank is not None else check_stages(self.unfreeze)


class FineTuning:
    """The steps of `fine_tune`, and what passes between them."""

    def __init__(
        self,
        model_or_name: Any,
        train: Any,
        validation: Any,
        settings: Settings,
        output_dir: str | os.PathLike[str] | None,
    ):
        if keras.backend.backend() != "tensorflow":
            raise MissingDependencyError(
                f"Fine-tuning runs on the TensorFlow backend; this is {keras.backend.backend()!r}. "
                f"Set KERAS_BACKEND=tensorflow."
            )
        self.settings = settings
        self.training, self.validation = _parts(train, validation, settings.seed)
        self.num_classes = _count_classes(self.training, self.validation, settings.num_classes)
        self.class_weights = _class_weights(settings.class_weights, self.training, self.num_classes)
        self.network = model_or_name
        self.precision = self._choose_precision()
        keras.utils.set_random_seed(settings.seed)
        self.parts = self._make_model(self.precision)
        self.shape = tuple(self.parts.model.input_shape[1:])
        self.augment = _augmentation(settings.augment, train, self.shape)
        self.folder = RunFolder(_new_folder(output_dir, self.parts.model.name))
        self.history: History = {}

    def train(self, *, show_progress: bool) -> TrainResult:
        """All of it."""
        self.folder.path.mkdir(parents=True, exist_ok=True)
        with self._naming_damaged_files():
            self._add(train_head(self, show_progress=show_progress), unfrozen=0.0)
            checkpoint.save_values(self.folder.best, self.parts.model)
            if self.settings.epochs:
                self._train_stages(show_progress)
            return self._finish()

    def batches(
        self, data: LabelledData, *, distorted: bool = False, shuffle: bool = False
    ) -> TrainingBatches:
        """Of the training part with its weights, of others without."""
        return TrainingBatches(
            data,
            self.shape,
            batch_size=self.settings.batch_size,
            shuffle=shuffle,
            augment=self.augment if distorted else None,
            class_weights=self.class_weights if data is self.training else None,
            seed=self.settings.seed,
        )

    def compile(self, model: keras.Model, optimizer: keras.optimizers.Optimizer) -> None:
        """For class numbers and logits."""
        model.compile(
            optimizer,
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            weighted_metrics=["accuracy"],
        )

    def _choose_precision(self) -> str:
        """A model that is given keeps its own."""
        settings = self.settings
        if isinstance(self.network, keras.Model) or str(self.network).endswith(".keras"):
            if settings.precision != "auto":
                raise ConfigError(
                    f"`precision` is for networks by name: a model has its own already. "
                    f"Received: {settings.precision!r}."
                )
            return keras.config.dtype_policy().name
        steps = -(-len(self.training) // settings.batch_size) * settings.epochs
        shape = self.training.sample_shape
        return choose(
            settings.precision,
            False,
            make_model=self._timed_model,
            batch=self._timed_batch(shape),
            steps=steps,
        ).precision

    def _timed_model(self, xla: bool) -> keras.Model:
        parts = self._make_model(keras.config.dtype_policy().name)
        unfreeze(parts.body, 1.0)
        self.compile(parts.model, keras.optimizers.AdamW())
        return parts.model

    def _timed_batch(self, shape: tuple[int, ...] | None) -> tuple[Any, Any]:
        size = self.settings.batch_size
        labels = self.training.labels[:size]
        if shape is not None:
            return self.training.inputs[:size], labels
        shape = tuple(self._make_model("float32").model.input_shape[1:])
        return np.zeros((len(labels), *shape), np.float32), labels

    def _make_model(self, precision: str) -> TransferModel:
        with dtype_policy(precision):
            return transfer_model(
                self.network,
                self.num_classes,
                sample_shape=self.training.sample_shape,
                image_size=self.settings.image_size,
            )

    def _train_stages(self, show_progress: bool) -> None:
        settings, parts = self.settings, self.parts
        shares = settings.stages
        bounds = [round(settings.epochs * n / len(shares)) for n in range(len(shares) + 1)]
        if settings.lora_rank is not None:
            lora.add_lora(parts.body, settings.lora_rank)
            checkpoint.save_values(self.folder.best, parts.model)
        for share, first, last in zip(shares, bounds, bounds[1:], strict=False):
            if settings.lora_rank is None:
                unfreeze(parts.body, share)
            if last > first:
                self._train_stage(last - first, share, show_progress)

    def _train_stage(self, epochs: int, share: float, show_progress: bool) -> None:
        source = self.batches(self.training, distorted=True, shuffle=True)
        model, steps = self.parts.model, epochs * len(source)
        rate = keras.optimizers.schedules.CosineDecay(
            0.0,
            decay_steps=max(1, steps - steps // 10),
            warmup_target=self.settings.learning_rate,
            warmup_steps=steps // 10,
        )
        self.compile(
            model, DepthRates(depth_factors(self.parts.body), rate, weight_decay=1e-4, clipnorm=1.0)
        )
        validation = None if self.validation is None else self.batches(self.validation)
        history = Loop(model).fit(
            source,
            epochs=epochs,
            validation=validation,
            callbacks=self._callbacks(len(self.training)),
            progress=show_progress,
        )
        self._add(history, unfrozen=share)
        if self.validation is None:
            checkpoint.save_values(self.folder.best, model)

    def _callbacks(self, samples: int) -> list[keras.callbacks.Callback]:
        chosen: list[keras.callbacks.Callback] = [callbacks.MeasureSpeed(samples)]
        if self.validation is not None:
            chosen.append(
                callbacks.KeepBest(self.parts.model, self.folder.best, _MONITOR, self.history)
            )
            chosen.append(callbacks.StopEarly(_MONITOR, self.settings.patience, {}))
        return [*chosen, callbacks.RefuseDivergence()]

    def _add(self, history: History, *, unfrozen: float) -> None:
        """Join the history of a part of the run to that of those before."""
        epochs = len(history["loss"])
        for name, values in {**history, "unfrozen": [unfrozen] * epochs}.items():
            self.history.setdefault(name, []).extend(values)

    def _finish(self) -> TrainResult:
        checkpoint.load_values(self.folder.best, self.parts.model)
        model = _plain(self.parts.model)
        self.compile(model, keras.optimizers.AdamW(self.settings.learning_rate))
        judged = self.training if self.validation is None else self.validation
        source = TrainingBatches(judged, self.shape, batch_size=64, shuffle=False)
        logits = model.predict(source.one_pass(), verbose=0)
        epoch = callbacks.best_epoch(self.history, _MONITOR) if self.validation is not None else -1
        prefix = "val_" if self.validation is not None else ""
        metrics = {
            f"{prefix}loss": self.history[f"{prefix}loss"][epoch],
            f"{prefix}accuracy": float((logits.argmax(-1) == judged.labels).mean()),
        }
        report_on_mistakes.write(self.folder.path, judged, logits, self.shape)
        self.folder.write_history(self.history)
        self.folder.write_metrics(metrics)
        self.folder.write_model(model)
        self.folder.best.unlink()
        return TrainResult(model, metrics, self.folder.path, self.history)

    @contextlib.contextmanager
    def _naming_damaged_files(self) -> Iterator[None]:
        """TensorFlow says that a file is no image, and not which one."""
        try:
            yield
        except (tf.errors.InvalidArgumentError, tf.errors.NotFoundError):
            for data in (self.training, self.validation):
                if data is not None:
                    check_files(data, self.shape)
            raise


def _plain(model: keras.Model) -> keras.Model:
    """float32, without low-rank additions, all of it trainable again."""
    from kerazoo.exporters.precision import in_float32

    model = lora.merged(in_float32(model))
    model.trainable = True
    return model


def _parts(train: Any, validation: Any, seed: int) -> tuple[LabelledData, LabelledData | None]:
    """The training part, and what is held out of it or given beside it."""
    data = labelled_data(train, name="train")
    if validation is not None and not isinstance(validation, int | float):
        given = labelled_data(validation, name="validation")
        if (data.class_names or given.class_names) != (given.class_names or data.class_names):
            raise DataError("`train` and `validation` have classes of different names.")
        return data, given
    fraction = _HELD_OUT if validation is None else validation
    check_number("validation", fraction, least=0.0, most=0.5)
    if not fraction:
        return data, None
    kept, held_out = split(data, fraction, seed)
    if validation is None:
        notice(f"A tenth of the training data is held out for validation: {len(held_out)} samples.")
    return kept, held_out


def _count_classes(
    training: LabelledData, validation: LabelledData | None, asked: int | None
) -> int:
    highest = max(int(data.labels.max()) for data in (training, validation) if data is not None)
    named = len(training.class_names) if training.class_names else 0
    count = asked if asked is not None else max(highest + 1, named)
    if highest >= count or count < 2:
        raise DataError(
            f"Labels must be 0 to num_classes - 1, of 2 classes at least. Received: labels up to "
            f"{highest}, num_classes={count}."
        )
    return count


def _class_weights(asked: Any, data: LabelledData, num_classes: int) -> np.ndarray | None:
    if asked is None:
        return None
    if asked == "balanced":
        return balanced(data.labels, num_classes)
    if not isinstance(asked, Mapping) or any(c not in range(num_classes) for c in asked):
        raise ConfigError(
            f"`class_weights` must be 'balanced', or map class numbers 0 to {num_classes - 1} to "
            f"weights. Received: {asked!r}."
        )
    return np.array(
        [check_number("class_weights", asked.get(c, 1.0), least=0.0) for c in range(num_classes)]
    )


def _augmentation(asked: Any, train: Any, shape: tuple[int, ...]) -> Augment | None:
    if asked != "auto":
        return asked
    if isinstance(train, str) and train in list_datasets():
        return dataset_info(train).augment
    if len(shape) != 3:
        return None
    return Augment(flip=shape[2] == 3, shift=0.1, zoom=0.1)


def _new_folder(output_dir: str | os.PathLike[str] | None, name: str) -> Path:
    """The one asked for, if it is empty; else the first of runs/NAME, runs/NAME-2 ... that is."""
    from kerazoo.errors import RunError

    if output_dir is not None:
        if not _is_free(Path(output_dir)):
            raise RunError(f"{os.fspath(output_dir)!r} is not empty. Choose another output_dir.")
        return Path(output_dir)
    first = Path("runs") / name.replace("_", "-")
    others = (first.with_name(f"{first.name}-{number}") for number in range(2, 10_000))
    return next(path for path in (first, *others) if _is_free(path))


def _is_free(path: Path) -> bool:
    return not path.exists() or (path.is_dir() and not any(path.iterdir()))
