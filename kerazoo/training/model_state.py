"""Everything that the next step of a training depends on, as arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import keras

Arrays = dict[str, np.ndarray]


class ModelState:
    """The state of a compiled model, built with its optimizer and metrics.

    Metrics count on each replica by itself, and are summed when they are read. Their sum would not
    do: floats add up differently in another order, and a resumed run's metrics would differ in
    their last digits. So their arrays have the values of all replicas, `(replicas, ...)`; on
    another number of replicas the first one gets their sum.
    """

    def __init__(self, model: keras.Model):
        import tensorflow as tf

        self.model = model
        self.strategy = tf.distribute.get_strategy()
        self.variables = state_variables(model)
        replicas = self.strategy.num_replicas_in_sync
        self.counters = {
            name: v for name, v in self.variables.items() if replicas > 1 and _is_counter(v)
        }
        self._gather = tf.function(self._gather_counters)

    def copy(self) -> Arrays:
        """The values now. Where there are several workers, all of them call this."""
        alike = self.variables.keys() - self.counters.keys()
        arrays = {name: view(self.variables[name]) for name in alike}
        if self.counters:
            values = [array.numpy() for array in self._gather()]
            arrays |= zip(self.counters, values, strict=True)
        return arrays

    def put(self, arrays: Arrays) -> bool:
        """Take on what `copy` gave; False, and nothing is changed, if it is of another model."""
        if not self._fits(arrays):
            return False
        for name in self.variables.keys() - self.counters.keys():
            variable = self.variables[name]
            variable.assign(_rows(arrays[name], tuple(variable.shape), 1)[0])
        if self.counters:
            self._assign_counters(arrays)
        return True

    def _fits(self, arrays: Arrays) -> bool:
        def is_same(variable: Any, array: np.ndarray) -> bool:
            shape = tuple(variable.shape)
            return array.shape == shape or (_is_counter(variable) and array.shape[1:] == shape)

        return self.variables.keys() == arrays.keys() and all(
            is_same(variable, arrays[name]) for name, variable in self.variables.items()
        )

    def _gather_counters(self) -> list[Any]:
        import tensorflow as tf

        def own() -> list[tf.Tensor]:
            replica = tf.distribute.get_replica_context()
            values = [tf.convert_to_tensor(v.value)[tf.newaxis] for v in self.counters.values()]
            return [replica.all_gather(value, axis=0) for value in values]

        gathered = self.strategy.run(own)
        return [self.strategy.experimental_local_results(values)[0] for values in gathered]

    def _assign_counters(self, arrays: Arrays) -> None:
        import tensorflow as tf

        replicas = self.strategy.num_replicas_in_sync
        rows = {
            name: _rows(arrays[name], tuple(variable.shape), replicas)
            for name, variable in self.counters.items()
        }

        def own() -> None:
            number = tf.distribute.get_replica_context().replica_id_in_sync_group
            for name, variable in self.counters.items():
                variable.assign(tf.gather(tf.constant(rows[name]), number))

        tf.function(self.strategy.run)(own)


def state_variables(model: keras.Model) -> dict[str, Any]:
    """Variables of the model with its seed generators, of its metrics, and of every optimizer that
    is an attribute of it. Numbered: Keras counts up the names of layers in a process, so that the
    same model's variables need not have the same paths.
    """
    import keras

    sources = {"model": model.variables, "metrics": model.metrics_variables}
    for attribute, value in vars(model).items():
        if isinstance(value, keras.optimizers.Optimizer):
            sources[attribute] = value.variables
    found: dict[int, tuple[str, Any]] = {}
    for source, variables in sources.items():
        for number, variable in enumerate(variables):
            found.setdefault(id(variable), (f"{source}/{number:04d}", variable))
    return dict(found.values())


def view(variable: Any) -> np.ndarray:
    """The values where TensorFlow has them. `numpy()` would copy them into fresh memory, which for
    a large model takes longer than several steps."""
    import tensorflow as tf

    values = tf.convert_to_tensor(variable.value)
    try:
        return np.asarray(memoryview(values))
    except ValueError:  # bfloat16, which Python's buffers do not know
        return values.numpy()


def _is_counter(variable: Any) -> bool:
    return variable.synchronization == "on_read"


def _rows(array: np.ndarray, shape: tuple[int, ...], replicas: int) -> np.ndarray:
    """`array`, saved on one device or on any number of replicas, as `(replicas, ...)`."""
    if array.shape == shape:
        array = array[np.newaxis]
    if len(array) == replicas:
        return array
    rows = np.zeros((replicas, *shape), array.dtype)
    rows[0] = array.sum(axis=0)
    return rows
