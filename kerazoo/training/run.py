"""One run of a recipe: data, precision, model, training, and the trained model at its end."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import keras
import msgspec
import numpy as np

from kerazoo import datasets, distribute
from kerazoo.datasets import pipeline
from kerazoo.datasets.augment import check_augment
from kerazoo.datasets.loading import check_labels
from kerazoo.errors import ConfigError, DataError, MissingDependencyError
from kerazoo.notices import notice
from kerazoo.training import callbacks, checkpoint
from kerazoo.training.checkpoint import History, Progress
from kerazoo.training.precision import Choice, choose, dtype_policy
from kerazoo.training.progress_bar import ShowProgress
from kerazoo.training.run_folder import RunFolder
from kerazoo.zoo.build import build_model
from kerazoo.zoo.compilation import compile_model
from kerazoo.zoo.config import Training, ZooConfig
from kerazoo.zoo.weights import assign_weights, read_weights

Arrays = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class TrainResult:
    """What a run gave.

    Attributes:
        model: float32 whatever the precision it was trained in; of the best epoch by validation,
            or of the last one where the recipe has no validation part.
        metrics: of that epoch: on the validation part ("val_...") where there is one, else on the
            training data.
        run_dir: the run folder; training/run_folder.py says what is in it.
        history: name -> one value per epoch, "samples_per_second" among them.
    """

    model: keras.Model
    metrics: dict[str, float]
    run_dir: Path
    history: History


class Run:
    """A recipe and its folder. Data is read and checked before anything is trained."""

    def __init__(self, config: ZooConfig, folder: RunFolder):
        if keras.backend.backend() != "tensorflow":
            raise MissingDependencyError(
                f"Recipes train on the TensorFlow backend; this is {keras.backend.backend()!r}. "
                f"Set KERAS_BACKEND=tensorflow, or train the model with its own `fit`."
            )
        self.config, self.folder = config, folder
        self.devices = distribute.strategy(config.distribution.strategy)
        self.training_data, self.validation_data = _split(config)
        self.batch_size = config.data.batch_size
        self.steps = pipeline.steps_per_epoch(len(self.training_data[0]), self.batch_size)
        self.training = _with_an_average_in_time(config, self.steps * config.training.epochs)
        self._check_monitor()
        if config.data.augment is not None:
            check_augment(config.data.augment, self.training_data[0].shape)
        with dtype_policy("float32"):  # what every exporter and backend takes
            self.model = build_model(config)
        compile_model(self.model, self.training)
        _check_fit(self.model, *self.training_data, source=config.data.dataset)

    def train(self, *, show_progress: bool) -> TrainResult:
        """Train from the folder's checkpoint, or from the start, to the end."""
        resuming = self.folder.checkpoint.exists()
        # A resumed run keeps its precision: timed anew, another might win and change the numbers.
        choice = self.folder.read_choice() if resuming else self._choose_precision()
        keras.utils.set_random_seed(self.config.training.seed)
        with self.devices.scope(), dtype_policy(choice.precision):
            model = self._compiled_model(choice.xla)
            progress = checkpoint.restore(self.folder.checkpoint, model) if resuming else Progress()
        self.folder.write_environment(
            choice, seed=self.config.training.seed, replicas=self.devices.num_replicas_in_sync
        )
        if not self._is_done(progress):
            self._fit(model, progress, show_progress)
        if self.validation_data is None:  # no epoch can be called the best: the last one counts
            model.optimizer.finalize_variable_values(model.trainable_variables)
            checkpoint.save_values(self.folder.best, model)
        return self._finish(progress.history)

    def result(self) -> TrainResult:
        """What a complete run gave, from its folder."""
        self._load_best()
        history = checkpoint.read_progress(self.folder.checkpoint).history
        return TrainResult(self.model, self.folder.read_metrics(), self.folder.path, history)

    def _choose_precision(self) -> Choice:
        inputs, targets = self.training_data
        return choose(
            self.config.distribution.precision,
            self.config.distribution.xla,
            make_model=self._compiled_model,
            batch=(inputs[: self.batch_size], targets[: self.batch_size]),
            steps=self.steps * self.config.training.epochs,
        )

    def _compiled_model(self, xla: bool) -> keras.Model:
        model = build_model(self.config)
        compile_model(model, self.training, steps_per_epoch=self.steps, jit_compile=xla)
        return model

    def _is_done(self, progress: Progress) -> bool:
        """Whether there is nothing left to train: a run may be stopped between its last epoch and
        its last file."""
        stopping = self.config.training.early_stopping
        return progress.epoch >= self.config.training.epochs or (
            stopping is not None
            and callbacks.has_stalled(progress.history, stopping.monitor, stopping.patience)
        )

    def _fit(self, model: keras.Model, progress: Progress, show_progress: bool) -> None:
        training = self.training
        batches = pipeline.training_batches(
            *self.training_data,
            batch_size=self.batch_size,
            augment=self.config.data.augment,
            seed=training.seed,
            first_epoch=progress.epoch,
            epochs=training.epochs,
        )
        bar = ShowProgress(
            self.config.name,
            epochs=training.epochs,
            first_epoch=progress.epoch,
            steps_per_epoch=self.steps,
        )
        try:
            model.fit(
                batches,
                epochs=training.epochs,
                initial_epoch=progress.epoch,
                steps_per_epoch=self.steps,
                shuffle=False,  # the batches come shuffled
                validation_data=self.validation_data,
                validation_batch_size=256,
                callbacks=[*self._callbacks(progress), *([bar] if show_progress else [])],
                verbose=0,
            )
        finally:
            bar.stop()

    def _callbacks(self, progress: Progress) -> list[keras.callbacks.Callback]:
        training = self.training
        chosen: list[keras.callbacks.Callback] = [
            callbacks.MeasureSpeed(len(self.training_data[0]))
        ]
        if self.validation_data is not None:
            chosen.append(callbacks.KeepBest(self.folder.best, self._monitor, progress.history))
            if training.ema is not None:
                chosen.append(callbacks.EvaluateAveragedWeights())
        chosen.append(callbacks.SaveProgress(self.folder, progress))
        if training.early_stopping is not None:
            chosen.append(
                callbacks.StopEarly(self._monitor, training.early_stopping.patience, progress)
            )
        chosen.append(callbacks.WriteEvents(self.folder.tensorboard))
        return chosen

    @property
    def _monitor(self) -> str:
        stopping = self.config.training.early_stopping
        return stopping.monitor if stopping else "val_loss"

    def _finish(self, history: History) -> TrainResult:
        self._load_best()
        validated = self.validation_data is not None
        epoch = callbacks.best_epoch(history, self._monitor) if validated else -1
        metrics = {
            name: values[epoch]
            for name, values in history.items()
            if name.startswith("val_") == validated and name != "samples_per_second"
        }
        self.folder.write_metrics(metrics)
        self.folder.write_model(self.model)  # last: its presence says that the run is complete
        return TrainResult(self.model, metrics, self.folder.path, history)

    def _load_best(self) -> None:
        arrays = read_weights(self.folder.best)
        assign_weights(self.model, arrays, source=str(self.folder.best))

    def _check_monitor(self) -> None:
        names = ["loss", *self.config.training.metrics]
        if self.validation_data is not None:
            names = [f"val_{name}" for name in names]
        stopping = self.config.training.early_stopping
        if stopping is not None and stopping.monitor not in names:
            raise ConfigError(
                f"{self.config.name}: training.early_stopping.monitor must be one of "
                f"{', '.join(names)}. Received: {stopping.monitor!r}."
            )


def _with_an_average_in_time(config: ZooConfig, steps: int) -> Training:
    """The recipe's `training`, without `ema` where the run is too short for it.

    The average starts at the initial weights and remembers 1 / (1 - ema) steps: after five times
    as many, under one per cent of those is left in it; before that they spoil the model.
    """
    training = config.training
    if training.ema is None or steps * (1 - training.ema) >= 5:
        return training
    notice(
        f"{config.name}: training.ema={training.ema} is left out: it needs "
        f"{round(5 / (1 - training.ema)):,} steps, and this run has {steps:,}."
    )
    return msgspec.structs.replace(training, ema=None)


def _split(config: ZooConfig) -> tuple[Arrays, Arrays | None]:
    """Training and validation part; the same parts in every run, whatever its seed."""
    inputs, targets = datasets.load_numpy(config.data.dataset, "train")
    count = round(len(inputs) * config.data.validation)
    if not count:
        return (inputs, targets), None
    order = np.random.RandomState(0).permutation(len(inputs))
    held_out, kept = np.sort(order[:count]), np.sort(order[count:])
    return (inputs[kept], targets[kept]), (inputs[held_out], targets[held_out])


def _check_fit(model: keras.Model, inputs: np.ndarray, targets: np.ndarray, *, source: str) -> None:
    if tuple(model.input_shape[1:]) != inputs.shape[1:]:
        raise DataError(
            f"The model {model.name!r} takes samples of shape {tuple(model.input_shape[1:])}; "
            f"the dataset {source!r} has {inputs.shape[1:]}. Change model.arguments.input_shape."
        )
    if np.issubdtype(targets.dtype, np.integer):
        check_labels(targets, model.output_shape[-1], source=f"{source} for {model.name!r}")
    try:
        model.evaluate(inputs[:2], targets[:2], verbose=0)
    except Exception as error:  # whatever the loss, the metrics or TensorFlow make of them
        reason = " ".join(str(error).split())[:200]
        raise ConfigError(
            f"{model.name}: the loss or a metric does not fit the model's outputs: {reason}"
        ) from error
