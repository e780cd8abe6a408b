"""The integers a weight is stored as, and the step between them, as fake-quant will find them.

Fake-quant of a weight is symmetric over its largest absolute value, so a weight whose values are
multiples of a step, the largest of them +-(2 ** (bits - 1) - 1) steps, is left exactly as it is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

_SHRINKINGS = np.linspace(1.0, 0.5, 26)


@dataclass(frozen=True)
class WeightGrid:
    """Where the values of one weight may lie.

    Attributes:
        step: broadcasts against the weight.
        limit: the largest integer, 127 of 8 bits and 7 of 4.
    """

    step: np.ndarray
    limit: int

    def position(self, weight: np.ndarray) -> np.ndarray:
        """The weight in steps, clipped to the range; float64."""
        return np.clip(weight.astype(np.float64) / self.step, -self.limit, self.limit)

    def nearest(self, weight: np.ndarray) -> np.ndarray:
        """The weight rounded to the nearest value of the grid."""
        return self.values(np.round(self.position(weight)), weight.dtype)

    def values(self, integers: np.ndarray, dtype: np.dtype) -> np.ndarray:
        """Integers as the weights that they stand for."""
        return (integers * self.step).astype(dtype)


def weight_grid(weight: np.ndarray, *, bits: int, axes: tuple[int, ...]) -> WeightGrid:
    """The grid with the least squared rounding error, a step for each channel.

    Args:
        weight: any shape.
        bits: 2 or more.
        axes: the dimensions that count channels; none of them for one step in all.

    The largest step reaches the largest weight; smaller ones, down to half of it, clip the few
    large weights of a channel where that serves the many small ones (arXiv:2004.10568, section 5).
    """
    weight = weight.astype(np.float64)
    limit = 2 ** (bits - 1) - 1
    others = tuple(axis for axis in range(weight.ndim) if axis not in axes)
    largest = np.max(np.abs(weight), axis=others, keepdims=True)
    largest = np.where(largest > 0, largest, 1.0)  # a channel of zeros is on any grid
    grids = [WeightGrid(largest * shrinking / limit, limit) for shrinking in _SHRINKINGS]
    errors = [
        np.sum((grid.nearest(weight) - weight) ** 2, axis=others, keepdims=True) for grid in grids
    ]
    best = np.argmin(errors, axis=0)  # of equal ones the first, the largest step
    return WeightGrid(
        np.take_along_axis(np.stack([g.step for g in grids]), best[None], 0)[0], limit
    )
