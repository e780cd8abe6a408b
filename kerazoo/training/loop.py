"""`Loop`: an explicit training loop, to use as it is or to read before writing one's own."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from kerazoo.argument_checks import check_integer
from kerazoo.distribute import beat, prepare
from kerazoo.distribute.workers import Workers
from kerazoo.errors import ConfigError, MissingDependencyError, RunError, WorkerLostError
from kerazoo.notices import notice
from kerazoo.training.batch_source import BatchSource, batch_source
from kerazoo.training.checkpoint import Checkpoints, History, Progress
from kerazoo.training.compiled_steps import CompiledStep, epoch_results, plain
from kerazoo.training.interruption import StopRequest
from kerazoo.training.progress_bar import ShowProgress
from kerazoo.training.worker_batches import distributed_batches


class Loop:
    """What `fit` does, in the open: with its losses, its callbacks, and an exact way to resume.

    Args:
        model: compiled; its `train_step` and `test_step` are what a step does, so that kerazoo's
            train steps, its `Distiller` and your own run here. Built under any strategy; with
            several replicas it is prepared as `kerazoo.distribute.prepare` does.
        checkpoints: a folder. A run that was killed at any step goes on from its last checkpoint
            there, and ends with the weights of the unbroken run. None keeps nothing.
        checkpoint_every: steps between two checkpoints; None saves at the end of each epoch. One
            is always saved at the end of an epoch, and when Ctrl-C or SIGTERM stops the run.

    With `steps_per_execution` in `compile`, so many steps are one call of TensorFlow: a stop waits
    for its end, callbacks hear of the last of them. None reaches over an epoch's end or a
    checkpoint.

    A callback that ends the training in the middle of an epoch, by the clock perhaps, has to do so
    on all workers in the same step; what it decides at an epoch's end they agree on.

    What a custom train step changes must be in Keras's variables, metrics, seed generators, or in
    optimizers that are attributes of the model: other state is not saved.

    Several workers each make the same loop, with the same batches and a folder that all see. The
    first one writes and shows the progress; all stop in the same step when any is asked to.

    Raises:
        ConfigError: the model is not compiled, or was made under a parameter server strategy.
        MissingDependencyError: Keras runs on another backend than TensorFlow.

    >>> import keras, kerazoo, numpy as np
    >>> x = np.linspace(-1, 1, 64).astype("float32")[:, None]
    >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    >>> model.compile(keras.optimizers.SGD(0.5), "mse")
    >>> loop = kerazoo.training.Loop(model)
    >>> batches = kerazoo.datasets.Batches(x, 3 * x + 1, batch_size=16)
    >>> history = loop.fit(batches, epochs=20, progress=False)
    >>> history["loss"][-1] < 1e-4
    True
    """

    def __init__(
        self,
        model: keras.Model,
        *,
        checkpoints: str | os.PathLike[str] | None = None,
        checkpoint_every: int | None = None,
    ):
        if keras.backend.backend() != "tensorflow":
            raise MissingDependencyError(
                f"A loop runs on the TensorFlow backend; this is {keras.backend.backend()!r}. "
                f"Set KERAS_BACKEND=tensorflow, or train the model with its own `fit`."
            )
        if not model.compiled:
            raise ConfigError(f"The model {model.name!r} is not compiled: call compile(...) first.")
        if isinstance(model.distribute_strategy, tf.distribute.ParameterServerStrategy):
            raise ConfigError(
                f"The model {model.name!r} was made under a ParameterServerStrategy, whose workers "
                f"do not step together. Train it by kerazoo.distribute.AsynchronousLoop."
            )
        if checkpoint_every is not None:
            check_integer("checkpoint_every", checkpoint_every)
        self.model = prepare(model)
        self.strategy = model.distribute_strategy
        self.workers = Workers(self.strategy)
        self.checkpoints = None
        if checkpoints is not None:
            self.checkpoints = Checkpoints(Path(checkpoints), writer=self.workers.is_chief)
        self.checkpoint_every = checkpoint_every
        self.progress = Progress()
        self.stop = StopRequest()

    def fit(
        self,
        batches: BatchSource | tf.data.Dataset,
        *,
        epochs: int,
        steps_per_epoch: int | None = None,
        validation: BatchSource | tf.data.Dataset | None = None,
        callbacks: Sequence[keras.callbacks.Callback] = (),
        progress: bool = True,
    ) -> History:
        """Train to the end of epoch number `epochs`, from the start or from the newest checkpoint.

        Args:
            batches: `kerazoo.datasets.Batches`, or a dataset of (x, y) or (x, y, sample_weight)
                batches. With `checkpoints`, a dataset has to give the same batches in each pass.
            epochs: in all, those of earlier calls of this loop or on the same checkpoints counted;
                1 or more.
            steps_per_epoch: for a dataset that does not know its length, or is endless.
            validation: likewise; gone through after each epoch.
            callbacks: of Keras. What they count, they do not get back when a run is resumed.
            progress: show a bar and a line per epoch on stderr.

        Returns: name -> one value per epoch, "val_" before those of the validation.

        Raises:
            ConfigError: `epochs` or `steps_per_epoch` is no integer of 1 or above, or a dataset
                would give other batches on each worker.
            DataError: the batches cannot be used, or cannot be repeated.
            RunError: the checkpoints are of another model or of other data, or cannot be written;
                or SIGTERM stopped the run, and the program's own handler for it returned.
            WorkerLostError: another worker is gone, or was asked to stop.
        """
        check_integer("epochs", epochs)
        progress = progress and self.workers.is_chief
        source = batch_source(batches, steps_per_epoch)
        held_out = None if validation is None else batch_source(validation)
        with self.strategy.scope(), self.workers.watching():
            stream = self._open(source)
            bar = ShowProgress(self.model.name, epochs=epochs, steps_per_epoch=len(source))
            record = keras.callbacks.LambdaCallback(on_epoch_end=self._record)
            self.callbacks = keras.callbacks.CallbackList(
                [*callbacks, *([bar] if progress else []), record],
                model=self.model,
                epochs=epochs,
                steps=len(source),
            )
            with self.stop.listening():
                try:
                    if progress:
                        bar.start(self._steps_done(len(source)))
                    self._train(stream, epochs, len(source), held_out)
                finally:
                    bar.stop()
                    if self.checkpoints is not None:
                        self.checkpoints.wait()
            # All workers come here: none leaves while the last checkpoint is being written.
            self.stop_agreed = self._any(self.stop.asked)
        if self.is_stopping:
            self._pass_on_the_stop(len(source))
        return self.progress.history

    def _open(self, source: BatchSource) -> Iterator[Any]:
        """Build what a first step would build, restore it, and go to where the run was."""
        self.stop_agreed = False
        self.train_step = CompiledStep(self.model, self.model.train_step, self.workers)
        self.test_step = CompiledStep(self.model, self.model.test_step, self.workers)
        self._build(source)
        if self.checkpoints is not None:
            self._restore(self.checkpoints, source.fingerprint(), len(source))
        else:
            self.progress.step, self.progress.stopped = 0, False  # of an earlier call
        return iter(self._batches(source, self.progress.epoch, self.progress.step))

    def _build(self, source: BatchSource) -> None:
        """Keras builds optimizer and metrics in the first step. To be restored, they must be there
        before; and a step that finds them built is traced once, not twice."""
        try:
            self.model._symbolic_build(data_batch=source.starting_at(0, 0).element_spec)
        except Exception:  # only its own train step knows how to call it: the trace will build it
            if self.model.run_eagerly:
                raise
        prepare(self.model)  # which can look at its metrics now
        if not self.model.run_eagerly:
            self.train_step.trace(iter(self._batches(source)))
        if not self.model.optimizer.built:
            self.model.optimizer.build(self.model.trainable_variables)

    def _batches(self, source: BatchSource, epoch: int = 0, step: int = 0) -> Any:
        return distributed_batches(self.workers, source, epoch, step)

    def _restore(self, checkpoints: Checkpoints, fingerprint: str, steps: int) -> None:
        self.progress = checkpoints.restore(self.model)
        where = f"The run in {str(checkpoints.folder)!r}"
        places = self.workers.gather([self.progress.epoch, self.progress.step])
        if (places != places[0]).any():
            raise RunError(
                f"{where} is at a different (epoch, step) on each worker: "
                f"{places.astype(int).tolist()}. All of them must see one folder."
            )
        if self.progress.data not in ("", fingerprint):
            raise RunError(
                f"{where} was started on other batches: data, batch size, seed or distortions have "
                f"changed. Choose another folder, or change them back."
            )
        self.progress.data = fingerprint
        if done := self._steps_done(steps):
            notice(
                f"{checkpoints.folder}: the run there goes on after its {done} steps, with the "
                f"optimizer's state and settings of then."
            )

    def _steps_done(self, steps_per_epoch: int) -> int:
        return self.progress.epoch * steps_per_epoch + self.progress.step

    def _train(
        self, stream: Iterator[Any], epochs: int, steps: int, validation: BatchSource | None
    ) -> None:
        at = self.progress
        held_out = None if validation is None else self._batches(validation)
        logs: dict[str, Any] = {}
        self.model.stop_training = False
        self.callbacks.on_train_begin()
        while at.epoch < epochs and not at.stopped and not self.is_stopping:
            at.logs = self._train_epoch(stream, steps)
            if self.is_stopping:
                self._save()
                break
            logs = dict(at.logs)
            if validation is not None:
                results = self._evaluate(held_out, len(validation), self._steps_done(steps))
                logs |= {f"val_{name}": value for name, value in results.items()}
            self.callbacks.on_epoch_end(at.epoch, logs)
            at.epoch, at.step, at.logs = at.epoch + 1, 0, {}
            at.stopped = self._any(self.model.stop_training)
            self._save()
        if not self.is_stopping:
            self.model.optimizer.finalize_variable_values(self.model.trainable_variables)
        self.callbacks.on_train_end(logs)

    @property
    def is_stopping(self) -> bool:
        """Whether somebody asked to stop; where there are several workers, and all know."""
        return self.stop.asked if self.workers.count == 1 else self.stop_agreed

    def _any(self, own: bool) -> bool:
        """Whether it is so on any worker."""
        return bool(self.workers.gather([own]).any())

    def _train_epoch(self, stream: Iterator[Any], steps: int) -> dict[str, Any]:
        """The rest of the current epoch, or up to where somebody asks to stop; its results."""
        at = self.progress
        self.callbacks.on_epoch_begin(at.epoch)
        if at.step == steps:  # stopped before its validation
            return at.logs
        if at.step == 0:
            self.model.reset_metrics()
        logs: dict[str, Any] = {}
        while at.step < steps and not self.is_stopping and not self.model.stop_training:
            self.callbacks.on_train_batch_begin(at.step)
            count = self._steps_at_once(steps)
            logs, self.stop_agreed = self.train_step(stream, self.stop.asked, count)
            at.step += count
            beat(self._steps_done(steps))
            self.callbacks.on_train_batch_end(at.step - 1, logs)
            if at.step < steps and self._is_due(self._steps_done(steps)):
                self._save()  # at the end of the epoch it comes after the validation
        return epoch_results(self.model, logs)

    def _steps_at_once(self, steps_per_epoch: int) -> int:
        count = min(self.model.steps_per_execution, steps_per_epoch - self.progress.step)
        if self.checkpoint_every is None:
            return count
        done = self._steps_done(steps_per_epoch)
        return min(count, self.checkpoint_every - done % self.checkpoint_every)

    def _is_due(self, step: int) -> bool:
        return self.checkpoint_every is not None and step % self.checkpoint_every == 0

    def _evaluate(self, batches: Any, steps: int, done: int) -> dict[str, Any]:
        self.model.reset_metrics()
        self.callbacks.on_test_begin()
        logs: dict[str, Any] = {}
        stream = iter(batches)
        for step in range(steps):
            self.callbacks.on_test_batch_begin(step)
            logs, _ = self.test_step(stream, False)
            beat(done)
            self.callbacks.on_test_batch_end(step, logs)
        results = epoch_results(self.model, logs)
        self.callbacks.on_test_end(results)
        return results

    def _record(self, epoch: int, logs: dict[str, Any]) -> None:
        """The last of the callbacks: what those before it added is recorded too; the chief's."""
        values = {name: plain(value) for name, value in logs.items()}
        for name, value in json.loads(self.workers.from_chief(json.dumps(values))).items():
            self.progress.history.setdefault(name, []).append(value)

    def _save(self) -> None:
        if self.checkpoints is not None:
            self.checkpoints.save(self.model, self.progress)

    def _pass_on_the_stop(self, steps: int) -> None:
        text = f"Stopped after {self._steps_done(steps)} steps."
        if self.checkpoints is not None:
            text += f" The same call goes on from there ({self.checkpoints.folder})."
        notice(text)
        if not self.stop.asked:
            raise WorkerLostError(f"Another worker was asked to stop. {text}")
        self.stop.pass_on()
        raise RunError(text)  # the program's own handler has returned: it is no complete run
