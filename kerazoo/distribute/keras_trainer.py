"""What Keras's trainer needs to give a single device's numbers on several replicas and workers.

Faults of Keras 3.15.1, all in keras/src/backend/tensorflow/trainer.py. The first two stop `fit`
under `MultiWorkerMirroredStrategy` (keras-team/keras #20585), the others are of any mirrored one.
No release mends them as of 3.15.1; tests/distribute/test_keras_faults.py fails as soon as an
installed one does, and then what is named here can go:

1. `_maybe_symbolic_build` reduces the first batch over the replicas, to know its shapes. With one
   replica per worker TensorFlow cannot ("Attempt to convert a value (PerReplica ...)"); where parts
   are of unequal length, nobody could. (`TrainerStrategy.reduce`, axis=None)
2. `reduce_per_replica` takes the mean of a step's logs with axis=0, and they are scalars, which
   have none. (`TrainerStrategy.reduce`, axis=0)
3. `_make_function` with steps_per_execution above 1 takes batches inside of a branch, where a
   distributed iterator cannot ("You must feed a value for placeholder"). (`_make_function`)
4. `predict_on_batch` gives the predictions of every replica, and each computes the whole batch.
   (The line that replaces it.)

An instance gets a strategy that answers both, and steps of its own. Of Keras itself three functions
are replaced, which masked_means.py and replica_seeds.py say more about.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from kerazoo.distribute.masked_means import count_over_replicas
from kerazoo.distribute.replica_gradients import sum_gradients_first
from kerazoo.distribute.replica_seeds import draw_by_replica
from kerazoo.distribute.synchronized_normalization import synchronize_normalization
from kerazoo.distribute.uneven_batches import Part, split_batches
from kerazoo.errors import ConfigError
from kerazoo.global_batch import counting

if TYPE_CHECKING:
    import keras
    import tensorflow as tf


def prepare(model: keras.Model) -> keras.Model:
    """Let `model` train under its strategy with the numbers of a single device.

    For those who call `fit`, `evaluate`, `predict` or `train_on_batch` themselves, after `compile`
    or before; `kerazoo.train` and `kerazoo.training.Loop` do it by themselves. Under a
    `MultiWorkerMirroredStrategy` or a `MirroredStrategy`:

    - these methods work with several workers, and with any number of samples, exactly;
    - BatchNormalization takes its statistics over all replicas;
    - gradients are summed before they are clipped, accumulated, or searched for overflows.

    Datasets are those of the global batch, the same on every worker; `train_on_batch` and
    `test_on_batch` likewise take the global batch on every worker, and every replica computes all
    of it. `fit` and `evaluate` give every worker the same results, `predict` all predictions.

    Of several workers `fit` refuses what each would shuffle in its own way: call
    `keras.utils.set_random_seed` with one number on all of them, or pass `shuffle=False`.

    Losses have to be means over samples, as Keras's are by default, over what a mask or an ignored
    class leaves of their elements, or over their weights. A loss that compares samples with each
    other sees those of its replica; kerazoo's own that do (`InBatchSoftmaxLoss`, `kerazoo.distill`)
    see all. Random draws, such as dropout's, are each replica's own.

    Args:
        model: made inside of `strategy.scope()`. Under other strategies nothing is done to it.

    Returns: the same model.

    Raises:
        ConfigError: the model was made in the scope of such a strategy, and its optimizer or a
            metric was not; or the current strategy is such a one, and the model is not its. `fit`
            raises it on several workers for a dataset without a seed, or without an order.

    >>> import kerazoo
    >>> strategy = kerazoo.distribute.strategy("cpu")
    >>> with strategy.scope():
    ...     model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    ...     model.compile("sgd", "mse")
    >>> kerazoo.distribute.prepare(model) is model
    True
    """
    import tensorflow as tf

    strategy = model.distribute_strategy
    if isinstance(vars(model).get("_distribute_strategy"), TrainerStrategy):
        _check_compiled_inside(model)  # it may have been compiled since
        return model
    kinds = (tf.distribute.MirroredStrategy, tf.distribute.MultiWorkerMirroredStrategy)
    if not isinstance(strategy, kinds):
        return model
    if model._distribute_strategy is None:
        raise ConfigError(
            f"The model {model.name!r} was made outside of the {type(strategy).__name__} in whose "
            f"scope it is to train. Make it inside of `strategy.scope()`."
        )
    _check_compiled_inside(model)
    if strategy.num_replicas_in_sync > 1:
        synchronize_normalization(model, strategy.num_replicas_in_sync)
        count_over_replicas()
        draw_by_replica()
    model._distribute_strategy = TrainerStrategy(strategy)
    model.train_step = _on_part(model, model.train_step)
    model.test_step = _on_part(model, model.test_step)
    model.predict_step = _counted_predictions(model.predict_step)
    model.predict_on_batch = lambda x: model.predict(x, batch_size=_length(x), verbose=0)
    model.make_train_function = _make_function(model, "train")
    model.make_test_function = _make_function(model, "test")
    model.train_function = model.test_function = model.predict_function = None  # of before
    return model


class TrainerStrategy:
    """A strategy as Keras's trainer should see it; in all but two methods the one inside."""

    def __init__(self, strategy: tf.distribute.Strategy):
        self._strategy = strategy

    def __getattr__(self, name: str) -> Any:
        return getattr(self._strategy, name)

    @property  # type: ignore[misc]
    def __class__(self) -> Any:  # Keras asks isinstance(strategy, MultiWorkerMirroredStrategy)
        return type(self._strategy)

    def experimental_distribute_dataset(self, dataset: tf.data.Dataset, options: Any = None) -> Any:
        """Global batches as exact parts; one replica has the whole."""
        if self._strategy.num_replicas_in_sync == 1:
            return self._strategy.experimental_distribute_dataset(dataset, options)
        return split_batches(self._strategy, dataset)

    def reduce(self, reduce_op: Any, value: Any, axis: int | None = None) -> Any:
        """Of a batch, for its shapes (axis None): this worker's first part. Of logs: the mean over
        all replicas."""
        if axis is not None:
            return self._strategy.reduce(reduce_op, value, axis=None)
        import keras

        local = self._strategy.experimental_local_results
        part = keras.tree.map_structure(lambda values: local(values)[0], value)
        return part.data if isinstance(part, Part) else part


def _check_compiled_inside(model: keras.Model) -> None:
    """Optimizers and metrics have to be made in the strategy's scope too: others' variables would
    be one for all replicas, each counting on it, and of which workers do not know each other's."""
    import tensorflow as tf

    if not model.compiled:
        return
    parts = {"the optimizer": model.optimizer.variables if model.optimizer else []}
    for metric in model.metrics:
        for one in getattr(metric, "metrics", [metric]):  # those given to `compile`, once built
            parts[f"the metric {one.name!r}"] = one.variables
    outside = [
        name
        for name, variables in parts.items()
        if not all(isinstance(v.value, tf.distribute.DistributedValues) for v in variables)
    ]
    if outside:
        raise ConfigError(
            f"The model {model.name!r} was made in the scope of its strategy, but not "
            f"{', '.join(outside)}. Make them, and call `compile`, inside of `strategy.scope()`."
        )


def _on_part(model: keras.Model, step: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """`step` on one replica's part of a batch. What is no `Part` is a whole batch."""
    import keras
    import tensorflow as tf

    def run(data: Any) -> Any:
        for value in list(vars(model).values()):
            if isinstance(value, keras.optimizers.Optimizer):
                sum_gradients_first(value)
        if not isinstance(data, Part):
            return step(data)
        before = [(v, tf.identity(v.value)) for v in model.metrics_variables]
        with counting(data):
            logs = step(data.data)
        for variable, value in before:
            variable.assign(tf.where(data.counted > 0, variable.value, value))
        return logs

    return run


def _make_function(model: keras.Model, kind: str) -> Callable[..., Any]:
    """`model.make_train_function`, or that for "test": Keras's own, or, with several steps per
    execution, one that takes their batches before it runs them."""
    import tensorflow as tf

    keras_makes = getattr(model, f"make_{kind}_function")

    def make(force: bool = False) -> Any:
        _check_compiled_inside(model)
        if model.steps_per_execution == 1 or (getattr(model, f"{kind}_function") and not force):
            return keras_makes(force)
        strategy, step = model.distribute_strategy, getattr(model, f"{kind}_step")

        def steps(batches: list[Any]) -> dict[str, Any]:
            for batch in batches:
                logs = strategy.run(step, args=(batch,))
            return {name: strategy.reduce("MEAN", value, axis=0) for name, value in logs.items()}

        if not model.run_eagerly:
            steps = tf.function(steps, reduce_retracing=True)
        setattr(model, f"{kind}_function", lambda iterator: steps(_next(iterator, model)))
        return None

    return make


def _next(iterator: Any, model: keras.Model) -> list[Any]:
    """The batches of the next execution; fewer at the end."""
    import tensorflow as tf

    batches: list[Any] = []
    for _ in range(model.steps_per_execution):
        try:
            batches.append(next(iterator))
        except (StopIteration, tf.errors.OutOfRangeError):
            break
    if not batches:
        raise StopIteration
    return batches


def _length(x: Any) -> int:
    import keras

    return len(keras.tree.flatten(x)[0])


def _counted_predictions(step: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """`step`, of whose predictions only those are left that this replica reports."""
    import keras

    def run(data: Any) -> Any:
        if not isinstance(data, Part):
            return step(data)
        return keras.tree.map_structure(lambda values: values[: data.counted], step(data.data))

    return run
