"""A Keras optimizer under several replicas: gradients are summed before anything else is done.

Keras sums them last, inside the update. So each replica clips its own gradients, and looks for
overflows in its own alone; and accumulation, whose update stands in a branch of the graph, cannot
communicate from there ("merge_call called while defining a new graph"). Summed first, what follows
sees the global batch's gradient, as on a single device, and is the same on all replicas.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kerazoo import global_batch
from kerazoo.errors import ConfigError

_MARK = "_kerazoo_sums_gradients_first"


def sum_gradients_first(optimizer: Any) -> None:
    """Make this instance do so; once is enough. Keras itself is left as it is."""
    if getattr(optimizer, _MARK, False):
        return
    setattr(optimizer, _MARK, True)
    scale_loss, apply = optimizer.scale_loss, optimizer.apply

    def scale_share_of_loss(loss: Any) -> Any:
        return scale_loss(global_batch.scaled(loss, optimizer))

    def apply_sums(grads: Any, trainable_variables: Any = None) -> None:
        grads = global_batch.scaled_gradients(list(grads), optimizer)
        apply(_summed(grads, trainable_variables), trainable_variables)

    optimizer.scale_loss, optimizer.apply = scale_share_of_loss, apply_sums
    for one in _with_inner_ones(optimizer):
        if one.use_ema and one.ema_overwrite_frequency:
            raise ConfigError(
                f"`ema_overwrite_frequency` cannot be had on several replicas, whose weights it "
                f"changes one by one. Remove it. Received: {one.ema_overwrite_frequency}."
            )
        one._all_reduce_sum_gradients = list  # they are sums already
        if one.gradient_accumulation_steps:
            _accumulate_across_replicas(one)


def _with_inner_ones(optimizer: Any) -> Iterator[Any]:
    """It, and the one to which it passes gradients on, if it scales float16 losses."""
    import keras

    yield optimizer
    for value in vars(optimizer).values():
        if isinstance(value, keras.optimizers.Optimizer):
            yield from _with_inner_ones(value)


def _summed(grads: list[Any], variables: Any) -> list[Any]:
    """The sums over replicas. What is None stays, and what Keras assigns instead of descending
    along it (the scales of float8)."""
    import tensorflow as tf

    replica = tf.distribute.get_replica_context()
    if replica is None:
        return grads
    variables = [None] * len(grads) if variables is None else list(variables)
    by_dtype: dict[Any, list[int]] = {}  # an exchange takes one dtype at a time
    for number, (gradient, variable) in enumerate(zip(grads, variables, strict=True)):
        if gradient is not None and not getattr(variable, "overwrite_with_gradient", False):
            by_dtype.setdefault(gradient.dtype, []).append(number)
    grads = [
        global_batch.rows_counted_once(g) if isinstance(g, tf.IndexedSlices) else g for g in grads
    ]
    results = list(grads)
    for numbers in by_dtype.values():
        sums = replica.all_reduce(tf.distribute.ReduceOp.SUM, [grads[n] for n in numbers])
        for number, total in zip(numbers, sums, strict=True):
            results[number] = total
    return results


def _accumulate_across_replicas(optimizer: Any) -> None:
    """Do what `BaseOptimizer._backend_apply_gradients` of Keras 3.15 does with accumulation, but
    decide between the two branches where all replicas are together, and go on in each from there:
    a branch of one replica's own cannot reach the others."""
    import tensorflow as tf
    from keras import ops

    steps = optimizer.gradient_accumulation_steps

    def update(sums: list[Any], variables: list[Any]) -> None:
        means = [total / steps for total in sums]
        means = optimizer._clip_gradients(means)
        optimizer._apply_weight_decay(variables)
        optimizer._backend_update_step(means, variables, optimizer.learning_rate)
        optimizer._backend_reset_gradient_accumulators()

    def backend_apply_gradients(grads: list[Any], variables: list[Any]) -> None:
        accumulators = [
            optimizer._accumulated_gradients[optimizer._get_variable_index(variable)]
            for variable in variables
        ]
        sums = [g + ops.convert_to_tensor(a) for g, a in zip(grads, accumulators, strict=True)]

        def keep(sums: list[Any]) -> None:
            for accumulator, total in zip(accumulators, sums, strict=True):
                accumulator.assign(total)

        def together(strategy: Any, sums: list[Any]) -> None:
            each = strategy.extended.call_for_each_replica
            ops.cond(
                ops.equal((optimizer._iterations + 1) % steps, 0),
                lambda: each(update, args=(sums, variables)),
                lambda: each(keep, args=(sums,)),
            )

        tf.distribute.get_replica_context().merge_call(together, args=(sums,))
        if optimizer.use_ema:
            optimizer._update_model_variables_moving_average(optimizer._trainable_variables)

    optimizer._backend_apply_gradients = backend_apply_gradients
