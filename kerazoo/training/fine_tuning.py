"""One fine-tuning: data, model, head, stages, and the trained model with its report."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Iterator
from typing import Any

import keras
import tensorflow as tf

from kerazoo.distribute import cluster_from_environment
from kerazoo.errors import ConfigError, DataError, MissingDependencyError
from kerazoo.labels_file import write_labels
from kerazoo.losses import SmoothedCrossentropy
from kerazoo.training import callbacks, checkpoint, lora, report_on_mistakes
from kerazoo.training.checkpoint import History
from kerazoo.training.depth_rates import DepthRates
from kerazoo.training.fine_tune_data import augmentation, class_weights, count_classes, parts
from kerazoo.training.fine_tune_settings import Settings
from kerazoo.training.frozen_features import train_head
from kerazoo.training.labelled_data import LabelledData
from kerazoo.training.loop import Loop
from kerazoo.training.new_run_folder import check_is_free, new_run_folder
from kerazoo.training.precision import choose, dtype_policy
from kerazoo.training.run import TrainResult
from kerazoo.training.run_folder import RunFolder
from kerazoo.training.steps import MixedSampleAugment
from kerazoo.training.training_batches import TrainingBatches, check_files
from kerazoo.training.transfer_model import TransferModel, transfer_model
from kerazoo.training.unfreezing import depth_factors, unfreeze

_MONITOR = "val_loss"


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
        _check_is_alone()
        self.settings = settings
        self.training, self.validation = parts(train, validation, settings.seed)
        self.num_classes = count_classes(self.training, self.validation, settings.num_classes)
        self.class_weights = class_weights(settings.class_weights, self.training, self.num_classes)
        self.network = model_or_name
        self._output_dir = output_dir
        check_is_free(output_dir)
        self._check_precision()
        keras.utils.set_random_seed(settings.seed)
        self.parts = self._make_model("float32")
        self.shape = tuple(self.parts.model.input_shape[1:])
        self.augment = augmentation(settings.augment, train, self.shape)
        self.history: History = {}

    def train(self, *, show_progress: bool) -> TrainResult:
        """All of it."""
        self.folder = RunFolder(new_run_folder(self._output_dir, _name_of(self.network)))
        with self._naming_damaged_files(), self._leaving_no_empty_folder():
            if (precision := self._chosen_precision()) != "float32":
                self.parts = self._make_model(precision)
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
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        if self.settings.label_smoothing:
            loss = SmoothedCrossentropy(self.settings.label_smoothing)
        model.compile(optimizer, loss, weighted_metrics=["accuracy"])

    @property
    def _class_names(self) -> tuple[str, ...] | None:
        """Of whichever part has some; None where they are not as many as the classes."""
        names = self.training.class_names or (self.validation and self.validation.class_names)
        return names if names and len(names) == self.num_classes else None

    def _check_precision(self) -> None:
        """A model that is given keeps its own."""
        if self._is_given and self.settings.precision != "auto":
            raise ConfigError(
                f"`precision` is for networks by name: a model has its own already. "
                f"Received: {self.settings.precision!r}."
            )

    @property
    def _is_given(self) -> bool:
        return isinstance(self.network, keras.Model) or str(self.network).endswith(".keras")

    def _chosen_precision(self) -> str:
        settings = self.settings
        if self._is_given:
            return "float32"
        source = self.batches(self.training)
        return choose(
            settings.precision,
            False,
            make_model=self._timed_model,
            batch=next(source.one_pass().as_numpy_iterator())[:2],
            steps=settings.epochs * len(source),
        ).precision

    def _timed_model(self, xla: bool) -> keras.Model:
        parts = self._make_model(keras.config.dtype_policy().name)
        unfreeze(parts.body, 1.0)
        self.compile(parts.model, keras.optimizers.AdamW())
        return parts.model

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
        model, steps = self._in_training(), epochs * len(source)
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
            checkpoint.save_values(self.folder.best, self.parts.model)

    def _in_training(self) -> keras.Model:
        """The model, or what mixes its samples."""
        if self.settings.mix is None:
            return self.parts.model
        return MixedSampleAugment(self.parts.model, self.settings.mix, seed=self.settings.seed)

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
        judged = dataclasses.replace(judged, class_names=self._class_names)
        report_on_mistakes.write(self.folder.path, judged, logits, self.shape)
        self.folder.write_history(self.history)
        self.folder.write_metrics(metrics)
        self.folder.write_model(model)
        if self._class_names is not None:
            write_labels(self.folder.path / "model.keras", self._class_names)
        self.folder.best.unlink()
        return TrainResult(model, metrics, self.folder.path, self.history)

    @contextlib.contextmanager
    def _naming_damaged_files(self) -> Iterator[None]:
        """TensorFlow says that a file is no image, and not which one."""
        try:
            yield
        except (DataError, tf.errors.InvalidArgumentError, tf.errors.NotFoundError):
            for data in (self.training, self.validation):
                if data is not None:
                    check_files(data, self.shape)
            raise

    @contextlib.contextmanager
    def _leaving_no_empty_folder(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            with contextlib.suppress(OSError):  # something is in it already
                self.folder.path.rmdir()
            raise


def _check_is_alone() -> None:
    """Several workers would each train all of it, in the same folder."""
    cluster = cluster_from_environment()
    if cluster is not None and (count := sum(map(len, cluster.jobs.values()))) > 1:
        raise ConfigError(
            f"Fine-tuning is for one process. Received: {count} of them ({cluster.source}). Start "
            f"it without `launch`, and under Slurm or Kubernetes as one task or pod."
        )


def _name_of(network: Any) -> str:
    """Of the run's folder."""
    if isinstance(network, keras.Model):
        return f"{network.name}-fine-tuned"
    return f"{os.fspath(network).rstrip('/').split('/')[-1].removesuffix('.keras')}-fine-tuned"


def _plain(model: keras.Model) -> keras.Model:
    """float32, without low-rank additions, all of it trainable again."""
    from kerazoo.exporters.precision import in_float32

    model = lora.merged(in_float32(model))
    for layer in model.layers:
        layer.trainable = True
    return model
