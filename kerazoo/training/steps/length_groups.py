"""Batches of sequences without most of their padding: the same step, for less work."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from kerazoo.argument_checks import check_integer
from kerazoo.datasets.pipeline import part_of
from kerazoo.errors import ConfigError, DataError
from kerazoo.global_batch import means_of_their_own, share_of
from kerazoo.training.steps._wrapper import TrainStepWrapper


@keras.saving.register_keras_serializable(package="kerazoo")
class LengthGroups(TrainStepWrapper):
    """Divides each batch into groups of like length, and cuts each to its longest sample.

    Inputs, by name or one alone, and targets are numbers `(batch, time)`, padded at the end; inputs
    are cut each to their own longest, targets to the length of the model's outputs. The gradients
    of the groups are added up, so the step is the one of the whole batch, other random numbers in
    its dropout aside. The model must take sequences of any length, and what is padding must not
    count in it or in the loss. No target may be longer than the input it belongs to.

    Args:
        model: with open time axes; `wrapper.model` is it, trained.
        groups: 1 or more; with 1 a batch is cut to its longest sample. A batch of fewer samples has
            as many groups as samples.
        padding: the number that pads.

    The compiled loss must be a mean over the targets that are no padding, as
    `kerazoo.losses.SmoothedCrossentropy` with `ignore_class` is. XLA, which wants lengths that are
    known before, is not used.

    Raises:
        ConfigError: `groups` is not 1 or above, or `padding` not 0 or above; compiled with
            `jit_compile=True`.
        DataError: in a step: there are sample weights, or arrays of other shapes.
        MissingDependencyError: the Keras backend is not TensorFlow.

    >>> pieces = keras.Input((None,), dtype="int32")
    >>> net = keras.Model(pieces, keras.layers.Embedding(5, 5)(pieces))
    >>> wrapper = LengthGroups(net, groups=2)
    >>> wrapper.compile("sgd", kerazoo.losses.SmoothedCrossentropy(ignore_class=0))
    >>> numbers = np.array([[1, 2, 0, 0], [1, 2, 3, 0], [4, 0, 0, 0]])
    >>> sorted(wrapper.fit(numbers, numbers, verbose=0).history)
    ['loss']
    """

    def __init__(self, model: keras.Model, groups: int = 4, padding: int = 0, **kwargs: Any):
        super().__init__(model, **kwargs)
        self.groups = check_integer("groups", groups)
        self.padding = check_integer("padding", padding, least=0)
        self.supports_jit = False  # lengths change from step to step: Keras's "auto" is without it

    def compile(self, *args: Any, **kwargs: Any) -> None:
        """As of any model, but without XLA.

        Raises:
            ConfigError: `jit_compile` is True.
        """
        if kwargs.get("jit_compile") is True:
            raise ConfigError(
                "`jit_compile` must be False or 'auto': the lengths of `LengthGroups` change from "
                "step to step, which XLA cannot compile. Received: True."
            )
        super().compile(*args, **kwargs)

    def train_step(self, data: Any) -> dict[str, Any]:
        import tensorflow as tf

        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        self._check(x, y, sample_weight)
        weights = self.trainable_variables
        order = ops.argsort(sum(self._lengths(array) for array in keras.tree.flatten((x, y))))
        groups = ops.minimum(self.groups, ops.shape(order)[0])
        total = share_of(self._count(y))

        def add_group(number: Any, loss: Any, *gradients: Any) -> tuple[Any, ...]:
            rows = self._rows(order, number, groups)
            group_x = keras.tree.map_structure(lambda array: self._cut(array, rows), x)
            with tf.GradientTape() as tape:
                outputs = self(group_x, training=True)
                # A next token's target ends before its input does.
                group_y = self._cut(y, rows, least=ops.shape(outputs)[1])
                weight = ops.divide_no_nan(self._count(group_y), total)  # all may be padding
                with means_of_their_own():
                    loss_of_group = self.compute_loss(group_x, group_y, outputs)
                share = loss_of_group * weight
                scaled = self.optimizer.scale_loss(share)
            self.compute_metrics(group_x, group_y, outputs)
            # Dense: an embedding's rows are no more rows once a layer uses it the other way round.
            parts = tape.gradient(scaled, weights, None, tf.UnconnectedGradients.ZERO)
            sums = [
                old + tf.convert_to_tensor(new) for old, new in zip(gradients, parts, strict=True)
            ]
            return number + 1, loss + share, *sums

        # A loop, so that the model is traced once.
        _, loss, *gradients = tf.while_loop(
            lambda number, *_: number < groups,
            add_group,
            (tf.constant(0), tf.constant(0.0), *[tf.zeros(w.shape, w.dtype) for w in weights]),
            parallel_iterations=1,
        )
        self.optimizer.apply_gradients(zip(gradients, weights, strict=True))
        self.record_loss(loss, x)
        return self.get_metrics_result()

    def _check(self, x: Any, y: Any, sample_weight: Any) -> None:
        shapes = [tuple(array.shape) for array in keras.tree.flatten((x, y))]
        if sample_weight is not None or any(len(shape) != 2 for shape in shapes):
            raise DataError(
                f"LengthGroups takes inputs and targets (batch, time), without sample weights. "
                f"Received: {shapes}{'' if sample_weight is None else ' and sample weights'}."
            )

    def _rows(self, order: Any, number: Any, groups: Any) -> Any:
        """The numbers of one group's samples."""
        first, stop = part_of(ops.shape(order)[0], number, groups)
        return order[first:stop]

    def _cut(self, array: Any, rows: Any, least: Any = 1) -> Any:
        """These rows, to their longest; `least` steps in any case."""
        chosen = ops.take(array, rows, axis=0)
        longest = ops.max(self._lengths(chosen), initial=least)
        return chosen[:, :longest]

    def _lengths(self, array: Any) -> Any:
        places = ops.arange(1, ops.shape(array)[1] + 1)
        return ops.max(ops.where(ops.not_equal(array, self.padding), places, 0), axis=1)

    def _count(self, y: Any) -> Any:
        return ops.sum(ops.cast(ops.not_equal(y, self.padding), "float32"))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "groups": self.groups, "padding": self.padding}
