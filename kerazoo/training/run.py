"""One run of a recipe: data, precision, model, training, and the trained model at its end."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import msgspec
import tensorflow as tf

from kerazoo import distribute
from kerazoo.datasets import Batches, arrays
from kerazoo.distribute.workers import Workers
from kerazoo.errors import ConfigError, MissingDependencyError
from kerazoo.notices import notice
from kerazoo.training import callbacks, checkpoint
from kerazoo.training.cached_teacher import targets_with_teacher_outputs
from kerazoo.training.checkpoint import Checkpoints, History
from kerazoo.training.compression import enforce, first_pruned_epoch, make_model
from kerazoo.training.fused_normalization import fuse_normalization
from kerazoo.training.loop import Loop
from kerazoo.training.monitor import monitor_of
from kerazoo.training.precision import Choice, choose, dtype_policy
from kerazoo.training.recipe_data import check_fit, rows_of_both, split_data
from kerazoo.training.run_folder import RunFolder
from kerazoo.training.trainers import Trainer, make_trainer
from kerazoo.training.worker_batches import even_batch_size
from kerazoo.zoo.compilation import compile_model
from kerazoo.zoo.config import Training, ZooConfig
from kerazoo.zoo.learning_rate_scaling import scaled_training


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


_STEPS_PER_EXECUTION_ON_TPU = 20
_VALIDATION_BATCH = 256


class Run:
    """A recipe and its folder. Data is read and checked before anything is trained."""

    def __init__(self, config: ZooConfig, folder: RunFolder):
        if keras.backend.backend() != "tensorflow":
            raise MissingDependencyError(
                f"Recipes train on the TensorFlow backend; this is {keras.backend.backend()!r}. "
                f"Set KERAS_BACKEND=tensorflow, or train the model with its own `fit`."
            )
        self.config, self.folder = config, folder
        self.checkpoints = Checkpoints(folder.checkpoints)
        _refuse_parameter_servers(config)
        # First of all: it cannot join other workers once TensorFlow has started.
        self.devices = distribute.strategy(
            config.distribution.strategy,
            devices=config.distribution.devices,
            memory_limit=config.distribution.memory_limit,
            communication=config.distribution.communication,
        )
        self.workers = Workers(self.devices)
        if config.distribution.deterministic:
            tf.config.experimental.enable_op_determinism()
        training_data, self.validation_data = split_data(config)
        self.batches = Batches(
            *training_data,
            batch_size=config.data.batch_size,
            augment=config.data.augment,
            seed=config.training.seed,
            last_batch="dropped" if self._is_on_tpu else "smaller",
        )
        self._check_tpu_batch()
        self.steps = len(self.batches) * config.training.epochs
        self.training = _with_an_average_in_time(config, self.steps)
        self.first_epoch = first_pruned_epoch(config, len(self.batches))
        monitor = monitor_of(config, validated=self.validation_data is not None)
        self._judge = {**monitor._asdict(), "first": self.first_epoch}
        # As before the training: which channels go can depend on the initial weights.
        keras.utils.set_random_seed(config.training.seed)
        with dtype_policy("float32"):  # what every exporter and backend takes
            self.model = make_model(config, steps=self.steps)
        compile_model(self.model, self.training)
        check_fit(self.model, *training_data, source=config.data.dataset)
        # What it refuses is said before anything is written.
        self._distiller = make_trainer(self.model, config).compiled

    def open(self, *, resume: bool) -> bool:
        """Make the folder ready; True if there is a complete run in it. Raises `RunError` if it
        cannot be written, or holds another run."""
        if self.workers.is_chief:
            self.folder.open(self.config, resume=resume)
        with self.workers.watching():
            return self._chief_sees(self.folder.is_complete)

    def train(self, *, show_progress: bool) -> TrainResult:
        """Train from the folder's newest checkpoint, or from the start, to the end. Raises
        `WorkerLostError` if another worker is gone."""
        with self.workers.watching():
            if self.config.distillation is not None and self.config.distillation.cached:
                self._ask_the_teacher(show_progress)
            # A resumed run keeps its precision: timed anew, another might win, with other numbers.
            resuming = self._chief_sees(self.folder.environment.exists())
            choice = self.folder.read_choice() if resuming else self._choose_precision()
            keras.utils.set_random_seed(self.config.training.seed)
            with self.devices.scope(), dtype_policy(choice.precision):
                trainer = self._make_trainer(choice.xla)
            if self.workers.is_chief:
                self.folder.write_environment(
                    choice,
                    seed=self.config.training.seed,
                    replicas=self.devices.num_replicas_in_sync,
                )
            history = self._fit(trainer, self.checkpoints.progress().history, show_progress)
            if self.validation_data is None:  # no epoch can be called the best: the last one counts
                enforce(trainer.model)  # the loop ends with averaged weights
                if self.workers.is_chief:
                    checkpoint.save_values(self.folder.best, trainer.model)
            self.workers.meet()  # now all see the best weights
            result = self._finish(history)
            self.workers.meet()  # now all files are there, and everyone may leave
            return result

    def _ask_the_teacher(self, show_progress: bool) -> None:
        """Its outputs beside the labels; the chief writes them first, the others then read them."""
        batches = self.batches
        for is_turn in (self.workers.is_chief, not self.workers.is_chief):
            if is_turn:
                batches.targets = targets_with_teacher_outputs(
                    self._distiller,
                    batches.inputs,
                    batches.targets,
                    self.folder.teacher_outputs,
                    progress=show_progress,
                )
            self.workers.meet()

    def _chief_sees(self, fact: bool) -> bool:
        return bool(self.workers.gather([fact])[0, 0])

    def result(self) -> TrainResult:
        """What a complete run gave, from its folder."""
        self._load_best()
        history = self.checkpoints.progress().history
        return TrainResult(self.model, self.folder.read_metrics(), self.folder.path, history)

    @property
    def _is_on_tpu(self) -> bool:
        """TPUs want one shape, so an epoch's last batch, if smaller, is dropped; and bfloat16."""
        return isinstance(self.devices, tf.distribute.TPUStrategy)

    def _choose_precision(self) -> Choice:
        if self._is_on_tpu:
            wanted = self.config.distribution.precision
            return Choice("mixed_bfloat16" if wanted == "auto" else wanted, xla=False)
        replicas = self.devices.num_replicas_in_sync
        size = -(-self.batches.batch_size // replicas)  # each of which computes all that is given
        with self.devices.scope():
            choice = choose(
                self.config.distribution.precision,
                self.config.distribution.xla if replicas == 1 else False,  # several cannot have it
                make_model=lambda xla: distribute.prepare(self._make_trainer(xla).compiled),
                batch=rows_of_both((self.batches.inputs, self.batches.targets), slice(size)),
                steps=self.steps,
                together=self.workers.count > 1,
            )
        # Workers measure alike, but not the same.
        choices = self.workers.from_chief(msgspec.json.encode(choice).decode())
        return msgspec.json.decode(choices, type=Choice)

    def _make_trainer(self, xla: bool) -> Trainer:
        model = make_model(self.config, steps=self.steps)
        if self.devices.num_replicas_in_sync == 1:
            fuse_normalization(model)
        trainer = make_trainer(model, self.config)
        compile_model(
            trainer.compiled,
            self.training,
            steps_per_epoch=len(self.batches),
            jit_compile=xla,
            steps_per_execution=self._steps_per_execution,
        )
        return trainer

    @property
    def _steps_per_execution(self) -> int:
        wanted = self.config.distribution.steps_per_execution
        if wanted == "auto":
            return _STEPS_PER_EXECUTION_ON_TPU if self._is_on_tpu else 1
        return wanted

    def _fit(self, trainer: Trainer, history: History, show_progress: bool) -> History:
        loop = Loop(
            trainer.compiled,
            checkpoints=self.folder.checkpoints,
            checkpoint_every=self.training.checkpoint_every,
        )
        return loop.fit(
            self.batches,
            epochs=self.training.epochs,
            validation=self.validation_data and self._validation_batches(*self.validation_data),
            callbacks=self._callbacks(trainer.model, history),
            progress=show_progress,
        )

    def _validation_batches(self, inputs: Any, targets: Any) -> Batches:
        samples, cores = arrays.count(inputs), self.devices.num_replicas_in_sync
        if self._is_on_tpu and (even := even_batch_size(samples, cores, _VALIDATION_BATCH)):
            return Batches(inputs, targets, batch_size=even, shuffle=False, last_batch="dropped")
        return Batches(inputs, targets, batch_size=_VALIDATION_BATCH, shuffle=False)

    def _callbacks(self, model: keras.Model, history: History) -> list[keras.callbacks.Callback]:
        """`history` is that of the epochs before a resume."""
        training = self.training
        writes = self.workers.is_chief
        chosen: list[keras.callbacks.Callback] = [callbacks.MeasureSpeed(self.batches.samples)]
        if self.validation_data is not None:
            if writes:
                chosen.append(
                    callbacks.KeepBest(model, self.folder.best, history=history, **self._judge)
                )
            if training.ema is not None:
                chosen.append(callbacks.EvaluateAveragedWeights())
        chosen.append(callbacks.RefuseDivergence())
        if writes:
            chosen.append(callbacks.WriteHistory(self.folder, history))
        if training.early_stopping is not None:
            patience = training.early_stopping.patience
            chosen.append(callbacks.StopEarly(patience=patience, history=history, **self._judge))
        if writes:
            chosen.append(callbacks.WriteEvents(self.folder.tensorboard))
        return chosen

    def _finish(self, history: History) -> TrainResult:
        self._load_best()
        validated = self.validation_data is not None
        epoch = callbacks.best_epoch(history, **self._judge) if validated else -1
        metrics = {
            name: values[epoch]
            for name, values in history.items()
            if name.startswith("val_") == validated and name != "samples_per_second"
        }
        if self.workers.is_chief:
            self.folder.write_metrics(metrics)
            self.folder.write_model(self.model)  # last: its presence says that the run is complete
        return TrainResult(self.model, metrics, self.folder.path, history)

    def _load_best(self) -> None:
        checkpoint.load_values(self.folder.best, self.model)

    def _check_tpu_batch(self) -> None:
        cores = self.devices.num_replicas_in_sync
        if self._is_on_tpu and self.batches.batch_size % cores:
            raise ConfigError(
                f"{self.config.name}: data.batch_size must be a multiple of the TPU's {cores} "
                f"cores. Received: {self.batches.batch_size}."
            )


def _refuse_parameter_servers(config: ZooConfig) -> None:
    kind = config.distribution.strategy
    cluster = distribute.cluster_from_environment() if kind == "auto" else None
    if kind == "parameter_server" or (cluster is not None and cluster.parameter_servers):
        raise ConfigError(
            f"{config.name}: recipes do not train with parameter servers, whose steps do not wait "
            f"for each other. Use kerazoo.distribute.AsynchronousLoop, or another strategy."
        )


def _with_an_average_in_time(config: ZooConfig, steps: int) -> Training:
    """The recipe's `training`, without `ema` where the run is too short for it.

    The average starts at the initial weights and remembers 1 / (1 - ema) steps: after five times
    as many, under one per cent of those is left in it; before that they spoil the model.
    """
    training = scaled_training(config)
    if training.ema is None or steps * (1 - training.ema) >= 5:
        return training
    notice(
        f"{config.name}: training.ema={training.ema} is left out: it needs "
        f"{round(5 / (1 - training.ema)):,} steps, and this run has {steps:,}."
    )
    return msgspec.structs.replace(training, ema=None)
