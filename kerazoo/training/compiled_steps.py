"""A model's train or test steps, compiled, on all replicas of all workers; and what they report."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from kerazoo.distribute.workers import Workers
from kerazoo.errors import DataError, reason_in_graph


class CompiledStep:
    """Takes batches from an iterator and runs `step` on every replica with each.

    Under several workers it is also where they agree: the numbers among the logs are the mean over
    all replicas, so that callbacks decide the same everywhere, and a wish to stop reaches all
    workers in the same step.
    """

    def __init__(self, model: keras.Model, step: Callable[[Any], dict[str, Any]], workers: Workers):
        self.strategy, self.workers, self.name = model.distribute_strategy, workers, model.name
        if model.jit_compile:
            step = tf.function(step, jit_compile=True, autograph=False, reduce_retracing=True)
        self.step = step
        run: Callable[..., Any] = self._run_alone if workers.count == 1 else self._run_together
        self.run = run if model.run_eagerly else tf.function(run, autograph=False)

    def trace(self, iterator: Iterator[Any]) -> None:
        """Do what is done before the first step, without a step."""
        if hasattr(self.run, "get_concrete_function"):
            self.run.get_concrete_function(*self._arguments(iterator, False), steps=1)

    def __call__(
        self, iterator: Iterator[Any], wants_stop: bool, steps: int = 1
    ) -> tuple[dict[str, Any], bool]:
        """The logs of the last of `steps` steps, and whether any worker wants to stop.

        Raises:
            DataError: the batches do not fit, as labels that the model has no class for.
        """
        with self._naming_the_data():
            logs = self.run(*self._arguments(iterator, wants_stop), steps=steps)
        stop = logs.pop("", wants_stop)
        return logs, bool(stop)

    @contextlib.contextmanager
    def _naming_the_data(self) -> Iterator[None]:
        """TensorFlow names the operation that failed, among dozens of lines."""
        try:
            yield
        except (tf.errors.InvalidArgumentError, tf.errors.UnimplementedError) as error:
            reason = reason_in_graph(str(error.message))[:300]
            raise DataError(f"The batches do not fit the model {self.name!r}: {reason}") from error

    def _arguments(self, iterator: Iterator[Any], wants_stop: bool) -> tuple[Any, ...]:
        return (iterator,) if self.workers.count == 1 else (iterator, tf.constant(wants_stop))

    def _run_alone(self, iterator: Iterator[Any], steps: int) -> dict[str, Any]:
        for _ in range(steps):
            logs = self.strategy.run(self.step, args=(next(iterator),))
        # One replica's will do: metrics are summed over all when they are read between steps.
        return {k: self.strategy.experimental_local_results(v)[0] for k, v in logs.items()}

    def _run_together(
        self, iterator: Iterator[Any], wants_stop: tf.Tensor, steps: int
    ) -> dict[str, Any]:
        def on_replica(batch: Any) -> dict[str, Any]:
            logs = self.step(batch)
            numbers = {name: v for name, v in logs.items() if _is_number(v)}
            packed = tf.stack([tf.cast(v, "float32") for v in (wants_stop, *numbers.values())])
            means = tf.distribute.get_replica_context().all_reduce("mean", packed)
            stop, *means = tf.unstack(means)
            return {**logs, **dict(zip(numbers, means, strict=True)), "": stop > 0}

        for _ in range(steps):
            logs = self.strategy.run(on_replica, args=(next(iterator),))
        return {k: self.strategy.experimental_local_results(v)[0] for k, v in logs.items()}


def epoch_results(model: keras.Model, logs: dict[str, Any]) -> dict[str, Any]:
    """What the steps report: if that is metrics, their values over all steps and replicas, else
    what the last step gave. What is nested is laid flat, as in `fit`."""
    over_all = model.get_metrics_result()
    if logs.keys() <= over_all.keys():
        logs = {name: over_all[name] for name in logs}
    results: dict[str, Any] = {}
    for name, value in logs.items():
        results |= value if isinstance(value, dict) else {name: value}
    return {name: plain(value) for name, value in results.items()}


def plain(value: Any) -> Any:
    """A float, or nested lists of floats for a metric with several values."""
    return np.asarray(value, "float64").tolist()


def _is_number(value: Any) -> bool:
    return tf.is_tensor(value) and value.dtype.is_floating and value.shape.rank == 0
