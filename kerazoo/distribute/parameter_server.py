"""Asynchronous training: parameter servers hold the weights, workers change them at their own pace.

The chief hands out batches through TensorFlow's ClusterCoordinator; each worker computes gradients
from the weights that it finds and changes them, whatever the others have changed meanwhile (Dean et
al. 2012, "Large Scale Distributed Deep Networks"). So no run repeats another one's numbers.

Keras 3 counts steps by reading, adding and writing back, which loses counts where two workers meet:
here they are added on the server. Losses are averaged on the chief, metrics are of the validation.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from kerazoo.argument_checks import check_integer
from kerazoo.errors import ConfigError, RunError

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

History = dict[str, list[float]]


class Batches(Protocol):
    """`kerazoo.datasets.Batches`, or the like."""

    def __len__(self) -> int:
        """Steps per epoch."""

    def starting_at(self, epoch: int, step: int) -> tf.data.Dataset:
        """The batches from there on, without an end."""


class AsynchronousLoop:
    """Trains a model on the workers of a parameter server cluster. Runs on its chief.

    In each epoch every batch is computed once, by whichever worker is free. A worker that is lost
    is done without, and its step is done again by another one, now and then twice. When a parameter
    server is lost, so is the training.

    Args:
        model: built and compiled in the scope of `kerazoo.distribute.strategy("parameter_server")`.
            A step follows the gradient of its `compute_loss`.
        pending: steps handed out at a time for each worker, 1 or more; 1 lets workers wait for the
            chief, many keep as many batches in memory.

    Raises:
        ConfigError: the model is not compiled, was made under another strategy, has a `train_step`
            of its own, or an optimizer that accumulates gradients or scales the loss.

    >>> import kerazoo
    >>> with kerazoo.distribute.strategy("parameter_server").scope():  # doctest: +SKIP
    ...     model = kerazoo.get("mnist_mlp", weights=None)
    >>> loop = kerazoo.distribute.AsynchronousLoop(model)  # doctest: +SKIP
    >>> history = loop.fit(batches, epochs=3, validation=held_out)  # doctest: +SKIP
    """

    def __init__(self, model: keras.Model, *, pending: int = 4):
        import tensorflow as tf

        _check_model(model)
        self.model, self.strategy = model, model.distribute_strategy
        self.pending = check_integer("pending", pending)
        with self.strategy.scope():
            model.optimizer.build(model.trainable_variables)
        _count_on_the_server(model.optimizer.iterations)
        self.coordinator = tf.distribute.coordinator.ClusterCoordinator(self.strategy)
        self._train_step = tf.function(self._on_a_worker, reduce_retracing=True)
        self._test_step = tf.function(model.test_step, reduce_retracing=True)

    def fit(
        self,
        batches: Batches,
        *,
        epochs: int,
        validation: Batches | None = None,
        on_epoch_end: Sequence[Callable[[int, dict[str, float]], None]] = (),
        progress: bool = True,
    ) -> History:
        """Train for `epochs` epochs. Only at their ends do all workers wait for each other.

        As in Keras, an optimizer with `use_ema` puts the averaged weights into the model at the
        end; validations before see the weights themselves.

        Args:
            batches: of (x, y) or (x, y, sample_weight). They go to the workers through the chief.
            epochs: 1 or more.
            validation: likewise; gone through on the chief after each epoch, one batch at a time.
            on_epoch_end: functions of the epoch's number and its logs, such as one that saves.
            progress: print a line per epoch on stderr.

        Returns: name -> one value per epoch: "loss", the mean over the epoch's samples, each at the
            weights that its worker found; "val_loss" and the metrics of the validation, "val_...".

        Raises:
            RunError: a parameter server was lost, or a step failed.
        """
        import tensorflow as tf

        check_integer("epochs", epochs)
        history: History = {}
        for epoch in range(epochs):
            try:
                logs = self._run_epoch(epoch, batches, validation)
                for name, value in logs.items():
                    history.setdefault(name, []).append(value)
                if progress:
                    text = "  ".join(f"{name} {value:.4g}" for name, value in logs.items())
                    print(f"epoch {epoch + 1}/{epochs}  {text}", file=sys.stderr, flush=True)
                for function in on_epoch_end:
                    function(epoch, logs)
            except tf.errors.OpError as error:
                raise RunError(_what_broke_off(epoch, error)) from error
        self.model.optimizer.finalize_variable_values(self.model.trainable_variables)
        return history

    def _run_epoch(
        self, epoch: int, batches: Batches, validation: Batches | None
    ) -> dict[str, float]:
        logs = {"loss": self._train(batches.starting_at(epoch, 0).take(len(batches)))}
        if validation is not None:
            logs |= self._validate(validation.starting_at(0, 0).take(len(validation)))
        return logs

    def _train(self, dataset: tf.data.Dataset) -> float:
        """One epoch; its mean loss."""
        most = self.pending * _count_workers()
        waiting: deque[Any] = deque()
        total, samples = 0.0, 0

        def collect() -> None:
            nonlocal total, samples
            loss, count = waiting.popleft().fetch()
            total, samples = total + float(loss) * int(count), samples + int(count)

        for batch in dataset:
            if len(waiting) >= most:
                collect()
            waiting.append(self.coordinator.schedule(self._train_step, args=(batch,)))
        self.coordinator.join()
        while waiting:
            collect()
        return total / samples

    def _on_a_worker(self, batch: Any) -> Any:
        return self.strategy.run(self._update, args=(batch,))

    def _update(self, batch: tuple[Any, ...]) -> tuple[tf.Tensor, tf.Tensor]:
        """One step. Returns the mean loss, and of how many samples it is the mean."""
        import keras
        import tensorflow as tf

        model = self.model
        x, y, weights = keras.utils.unpack_x_y_sample_weight(batch)
        with tf.GradientTape() as tape:
            outputs = model(x, training=True)
            loss = model.compute_loss(x, y, outputs, weights, training=True)
        variables = model.trainable_variables
        model.optimizer.apply(tape.gradient(loss, [v.value for v in variables]), variables)
        return loss, tf.shape(keras.tree.flatten(x)[0])[0]

    def _validate(self, dataset: tf.data.Dataset) -> dict[str, float]:
        self.model.reset_metrics()
        for batch in dataset:
            self._test_step(batch)
        results = self.model.get_metrics_result()
        return {f"val_{name}": float(value) for name, value in results.items()}


def _check_model(model: keras.Model) -> None:
    import keras
    import tensorflow as tf

    if not isinstance(model.distribute_strategy, tf.distribute.ParameterServerStrategy):
        raise ConfigError(
            f"The model {model.name!r} was not made in the scope of "
            f"kerazoo.distribute.strategy('parameter_server')."
        )
    if not model.compiled:
        raise ConfigError(f"The model {model.name!r} is not compiled: call compile(...) first.")
    if type(model).train_step is not keras.Model.train_step:
        raise ConfigError(
            f"The model {model.name!r} has a train step of its own, and asynchronous training "
            f"knows only losses. Train it with the strategy 'multi_worker'."
        )
    if model.optimizer.gradient_accumulation_steps:
        raise ConfigError("Asynchronous training cannot accumulate gradients: lower the rate.")
    if isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer):
        raise ConfigError("Asynchronous training does not scale losses: no mixed_float16.")


def _count_workers() -> int:
    import tensorflow as tf

    processors = tf.config.list_logical_devices("CPU")  # of all processes: each has one at least
    return len(
        {
            device.name.partition("/device:")[0]
            for device in processors
            if "/job:worker/" in device.name
        }
    )


def _count_on_the_server(iterations: Any) -> None:
    """`iterations.assign_add` as one operation of its server, which no other one comes between."""
    import tensorflow as tf

    def assign_add(value: Any) -> tf.Tensor:
        return iterations.value.assign_add(tf.cast(value, iterations.dtype))

    iterations.assign_add = assign_add


def _what_broke_off(epoch: int, error: tf.errors.OpError) -> str:
    import tensorflow as tf

    lines = [line for line in str(error).splitlines() if line.strip()]
    reason = f"{type(error).__name__}: {(lines or ['no reason was given'])[0].strip()[:200]}"
    if isinstance(error, tf.errors.UnavailableError):  # of workers the coordinator says nothing
        reason = f"a parameter server is gone ({reason}). Its weights are lost: start all again"
    return f"Epoch {epoch + 1} broke off: {reason}."
