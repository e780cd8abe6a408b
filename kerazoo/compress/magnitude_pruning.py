"""Zeros for the weights of least magnitude, chosen on a schedule and kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from kerazoo.argument_checks import check_integer, check_number
from kerazoo.compress._pruning_masks import (
    block_scores,
    largest,
    largest_of_each,
    spread_blocks,
)
from kerazoo.compress._pruning_pattern import PruningPattern
from kerazoo.compress.pruning_schedule import as_schedule
from kerazoo.compress.weight_constraint import WeightConstraint


@keras.saving.register_keras_serializable(package="kerazoo")
class MagnitudePruning(WeightConstraint):
    """mask * weight after each update; the mask leaves out the smallest |weight|.

    The number that stays is max(1, round(size * (1 - sparsity))), exact even among equal values,
    which go by position. It is chosen anew when the schedule says so and its sparsity is another
    than that of the mask; between, zeros stay zeros. Source: Zhu, Gupta 2017, arXiv:1710.01878.

    Args:
        schedule: a PruningSchedule.
        sparsity: fraction of zeros at the end, in [0, 1); the schedule is scaled to it. None is
            the schedule's own. A global budget gives each layer its own.
        pattern: "unstructured"; "m:n", m of each n neighbours along `input_axis` stay; "block".
        block_size: rows and columns of a block of the weight as a matrix whose columns are outputs
            and whose rows are all other axes.
        block_pooling: "avg" or "max" of |weight| is what blocks are compared by.
        input_axis: negative axis of the weight whose neighbours "m:n" compares.
        output_axis: negative axis of the outputs, for "block"; -2 of transposed convolutions.

    Raises:
        ConfigError: an argument out of its range, or an unknown pattern.

    >>> from kerazoo.compress import ConstantSparsity
    >>> pruning = MagnitudePruning(ConstantSparsity(0.5, begin_step=0))
    >>> pruning.build((4,))
    >>> pruned = pruning.project(np.array([1.0, -3.0, 2.0, 0.5], "float32"))
    >>> [float(value) for value in pruned]
    [0.0, -3.0, 2.0, 0.0]
    """

    def __init__(
        self,
        schedule: Any,
        sparsity: float | None = None,
        pattern: str = "unstructured",
        block_size: Sequence[int] = (1, 4),
        block_pooling: str = "avg",
        input_axis: int = -2,
        output_axis: int = -1,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.schedule = as_schedule(schedule)
        self.final_sparsity = self.schedule.final_sparsity
        if sparsity is not None:
            self.final_sparsity = check_number("sparsity", sparsity, least=0, below=1)
        self.pattern = PruningPattern(pattern, block_size, block_pooling)
        self.input_axis = -check_integer("-input_axis", -input_axis)
        self.output_axis = -check_integer("-output_axis", -output_axis)

    def build(self, shape):
        state = {"trainable": False, "aggregation": "only_first_replica"}
        self.mask = self.add_weight(
            shape=shape, initializer="ones", dtype="bool", name="mask", **state
        )
        self.step = self.add_weight(
            shape=(), initializer="zeros", dtype="int32", name="step", **state
        )
        self.sparsity = self.add_weight(
            shape=(), initializer="zeros", dtype="float32", name="sparsity", **state
        )

    def project(self, weight):
        weight = ops.convert_to_tensor(weight)
        mask, sparsity = ops.convert_to_tensor(self.mask), ops.convert_to_tensor(self.sparsity)
        step = ops.convert_to_tensor(self.step)
        # All that is not needed in every step is inside: the step of a small net is that short.
        mask, sparsity = ops.cond(
            self.schedule.is_due(step),
            lambda: self._chosen(weight, mask, sparsity, self.sparsity_at(step)),
            lambda: (mask, sparsity),
        )
        self.mask.assign(mask)
        self.sparsity.assign(sparsity)
        self.step.assign(step + 1)
        return weight * ops.cast(mask, weight.dtype)

    def enforce(self, weight):
        weight = ops.convert_to_tensor(weight)
        return weight * ops.cast(ops.convert_to_tensor(self.mask), weight.dtype)

    def _chosen(self, weight: Any, mask: Any, sparsity: Any, target: Any) -> tuple[Any, Any]:
        is_other = target != sparsity
        return ops.cond(is_other, lambda: self.choose(weight, target), lambda: mask), target

    def sparsity_at(self, step: Any) -> Any:
        """Fraction of zeros that the update number `step` aims at: float32."""
        final = self.schedule.final_sparsity
        scale = self.final_sparsity / final if final else 1.0
        return ops.convert_to_tensor(self.schedule.sparsity(step) * scale, "float32")

    def choose(self, weight: Any, sparsity: Any) -> Any:
        """The mask of `sparsity` for `weight`: True where a weight stays."""
        scores = ops.cast(ops.abs(weight), "float32")
        if self.pattern.kept is not None:
            axis = max(self.input_axis, -len(scores.shape))
            return largest_of_each(scores, self.pattern.kept, self.pattern.group, axis)
        if not self.pattern.is_block:
            return largest(scores, _staying(scores, sparsity))
        scores = ops.moveaxis(scores, self.output_axis, -1)
        blocks = block_scores(scores, self.pattern.block_size, self.pattern.block_pooling)
        mask = largest(blocks, _staying(blocks, sparsity))
        mask = spread_blocks(mask, self.pattern.block_size, scores.shape)
        return ops.moveaxis(mask, -1, self.output_axis)

    def get_config(self):
        return {
            **super().get_config(),
            "schedule": keras.saving.serialize_keras_object(self.schedule),
            "sparsity": self.final_sparsity,
            "pattern": self.pattern.name,
            "block_size": list(self.pattern.block_size),
            "block_pooling": self.pattern.block_pooling,
            "input_axis": self.input_axis,
            "output_axis": self.output_axis,
        }


def _staying(scores: Any, sparsity: Any) -> Any:
    # In float64, since float32 cannot tell a million weights from a million and one.
    size = float(_size(scores))
    staying = ops.round(size * (1.0 - ops.cast(sparsity, "float64")))
    return ops.cast(ops.maximum(staying, 1.0), "int32")


def _size(tensor: Any) -> int:
    size = 1
    for length in tensor.shape:
        size *= int(length)
    return size
