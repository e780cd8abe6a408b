"""What happens around the steps of a recipe: averaged weights, the best epoch, speed, records."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from kerazoo.errors import RunError
from kerazoo.training import checkpoint
from kerazoo.training.checkpoint import History
from kerazoo.training.compression import enforce
from kerazoo.training.run_folder import RunFolder


class EvaluateAveragedWeights(keras.callbacks.Callback):
    """Validate with the moving average of the weights, then go on with the weights themselves.

    Unlike `keras.callbacks.SwapEMAWeights`, which adds and subtracts, the weights return exactly.
    """

    def on_test_begin(self, logs: Any = None) -> None:
        variables = self.model.trainable_variables
        self.own_values = [tf.identity(variable.value) for variable in variables]
        self.model.optimizer.finalize_variable_values(variables)
        enforce(self.model)

    def on_test_end(self, logs: Any = None) -> None:
        for variable, value in zip(self.model.trainable_variables, self.own_values, strict=True):
            variable.assign(value)
        del self.own_values


class KeepBest(keras.callbacks.Callback):
    """Save the weights of `kept` at the end of each validation with the best `monitor` so far.

    `kept` is the model that is trained, or the one inside a train step or distiller. Stands before
    `EvaluateAveragedWeights` in the list, so as to save the averaged weights. `history` is that of
    the epochs before a resume. Epochs before number `first` do not count: their model is not yet
    pruned as much as it shall be. `falls` is as in `best_epoch`.
    """

    def __init__(
        self,
        kept: keras.Model,
        path: Path,
        monitor: str,
        history: History,
        first: int = 0,
        *,
        falls: bool | None = None,
    ):
        super().__init__()
        self.kept, self.path, self.monitor, self.first = kept, path, monitor, first
        self.falls = falls_as_it_gets_better(monitor) if falls is None else falls
        before = history.get(monitor, ())
        self.epoch = len(before)
        is_any = self.epoch > first
        self.best = before[best_epoch(history, monitor, first, falls=falls)] if is_any else None

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.epoch = epoch

    def on_test_end(self, logs: Any = None) -> None:
        if self.epoch < self.first:
            return
        value = float(logs[self.monitor.removeprefix("val_")])
        if self.best is None or is_better(value, self.best, falls=self.falls):
            self.best = value
            checkpoint.save_values(self.path, self.kept)


class StopEarly(keras.callbacks.Callback):
    """Stop when `monitor` has not been better than ever for `patience` epochs.

    `history` is that of the epochs before a resume: a resumed run stops where the unbroken one
    would have. Epochs before number `first` do not count. `falls` is as in `best_epoch`.
    """

    def __init__(
        self,
        monitor: str,
        patience: int,
        history: History,
        first: int = 0,
        *,
        falls: bool | None = None,
    ):
        super().__init__()
        self.monitor, self.patience, self.first, self.falls = monitor, patience, first, falls
        self.values = list(history.get(monitor, ()))

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.values.append(logs[self.monitor])
        history = {self.monitor: self.values}
        best = best_epoch(history, self.monitor, self.first, falls=self.falls)
        if epoch - best >= self.patience:
            self.model.stop_training = True


def best_epoch(history: History, monitor: str, first: int = 0, *, falls: bool | None = None) -> int:
    """Number, from 0, of the first epoch with the best `monitor`, those before `first` left out;
    the last one without it. `falls`: whether less is better; None goes by the monitor's name."""
    values = history.get(monitor)
    if values is None:
        return max((len(v) for v in history.values()), default=0) - 1
    falls = falls_as_it_gets_better(monitor) if falls is None else falls
    best = min(first, len(values) - 1)
    for epoch, value in enumerate(values):
        if epoch > best and is_better(value, values[best], falls=falls):
            best = epoch
    return best


_FALLING = (
    *("loss", "error", "crossentropy", "divergence", "hinge", "poisson", "log_cosh", "false_"),
    *("brier", "mae", "mse", "mape", "msle"),
)


def falls_as_it_gets_better(name: str) -> bool:
    """Losses and errors fall as a model gets better; accuracies and scores rise. `name`: of a
    metric's class; what a recipe calls it may tell nothing."""
    return any(word in name for word in _FALLING)


def is_better(value: float, than: float, *, falls: bool) -> bool:
    """NaN is worst."""
    if math.isnan(value) or math.isnan(than):
        return math.isnan(than) and not math.isnan(value)
    return value < than if falls else value > than


class MeasureSpeed(keras.callbacks.Callback):
    """Adds "samples_per_second" to the logs: of the training steps, without validation."""

    def __init__(self, samples: int):
        super().__init__()
        self.samples = samples

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.start = self.end = time.perf_counter()
        self.steps = 0

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        self.first = batch

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.end = time.perf_counter()
        self.steps += batch + 1 - self.first  # several, where one call of TensorFlow has several

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        # An epoch that was resumed has fewer steps here, perhaps none.
        samples = self.samples * self.steps / self.params["steps"]
        seconds = self.end - self.start
        logs["samples_per_second"] = samples / seconds if seconds else 0.0


class RefuseDivergence(keras.callbacks.Callback):
    """Ends the run when its loss is no number any more, before that is saved."""

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if not math.isfinite(logs["loss"]):
            raise RunError(
                f"Training diverged in epoch {self.epoch + 1}: the loss is {logs['loss']}. Lower "
                f"training.optimizer.learning_rate, or set training.optimizer.clipnorm."
            )


class WriteHistory(keras.callbacks.Callback):
    """The history as a table, written anew after each epoch. Stands behind all that add to it."""

    def __init__(self, folder: RunFolder, history: History):
        super().__init__()
        self.folder = folder
        self.history = {name: list(values) for name, values in history.items()}

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        for name, value in logs.items():
            self.history.setdefault(name, []).append(value)
        self.folder.write_history(self.history)


class WriteEvents(keras.callbacks.Callback):
    """Epoch values as TensorBoard event files; does not need TensorBoard to be installed."""

    def __init__(self, folder: Path):
        super().__init__()
        with tf.Graph().as_default():  # this writer refuses to be made in eager mode
            self.writer = tf.compat.v1.summary.FileWriter(str(folder))

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        values = [
            tf.compat.v1.Summary.Value(tag=name, simple_value=value)
            for name, value in (logs or {}).items()
            if isinstance(value, float)
        ]
        self.writer.add_summary(tf.compat.v1.Summary(value=values), epoch + 1)
        self.writer.flush()

    def on_train_end(self, logs: Any = None) -> None:
        self.writer.close()
