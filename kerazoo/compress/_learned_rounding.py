"""AdaRound of one layer (Nagel et al. 2020, arXiv:2004.10568): up or down, learned per weight.

A weight of w steps becomes floor(w) + h(v) steps, with v learned and the rectified sigmoid
h(v) = clip(1.2 sigmoid(v) - 0.1, 0, 1) (equation 23). The loss is the squared error of the layer's
output, and f = 1 - |2 h(v) - 1| ** beta pushes h to 0 or 1 (equation 24): not at all during the
first fifth of the steps, then with beta falling from 20 to 2 along half a cosine. Changed from the
paper: both parts are relative (the error to that of nearest rounding, f to the number of weights),
so that one weight of f fits layers of all sizes and scales.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np
from keras import ops

from kerazoo.compress._weight_grid import WeightGrid

ZETA, GAMMA = 1.1, -0.1
WARM_UP = 0.2
FIRST_BETA, LAST_BETA = 20.0, 2.0
_LEARNING_RATE = 1e-2
_ON_THE_GRID = 1e-3


def learn_rounding(
    layer: keras.layers.Layer,
    grids: Mapping[str, WeightGrid],
    inputs: np.ndarray,
    targets: np.ndarray,
    *,
    steps: int,
    batch_size: int = 32,
    regularization: float = 3.0,
    seed: int = 0,
) -> dict[str, np.ndarray]:
    """The weights of `layer`, rounded so that `layer(inputs)` comes close to `targets`.

    Args:
        layer: built; stays as it is.
        grids: variable path in the layer ("kernel") to the grid of that weight.
        inputs: of the layer, `(samples, ...)`: what it sees once the layers before are rounded.
        targets: outputs of the float layer for the float model's inputs.
        steps: of Adam, on `batch_size` samples each.
        regularization: weight of f against the relative error.

    Returns: variable path -> weight on its grid: learned where that gives the smaller error over
        all `inputs`, otherwise rounded to the nearest.
    """
    nearest = {path: grid.nearest(_variable(layer, path).numpy()) for path, grid in grids.items()}
    error = _error(layer, nearest, inputs, targets)
    if error == 0:
        return nearest
    rounded = _RoundedLayer(layer, grids, steps, regularization)
    trained = keras.Sequential([keras.Input(inputs.shape[1:], dtype=inputs.dtype), rounded])
    trained.compile(keras.optimizers.Adam(_LEARNING_RATE), "mse", loss_weights=[1 / error])
    trained.fit(_Draws(inputs, targets, steps, batch_size, seed), shuffle=False, verbose=0)
    learned = rounded.decided()
    return learned if _error(layer, learned, inputs, targets) < error else nearest


class _Draws(keras.utils.PyDataset):
    """`steps` batches of rows drawn at random, the same ones for the same seed."""

    def __init__(
        self, inputs: np.ndarray, targets: np.ndarray, steps: int, batch_size: int, seed: int
    ):
        super().__init__()
        self.inputs, self.targets = inputs, targets
        self.rows = np.random.default_rng(seed).integers(0, len(inputs), (steps, batch_size))

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, step: int) -> tuple[np.ndarray, np.ndarray]:
        rows = self.rows[step]
        return self.inputs[rows], self.targets[rows]


class _RoundedLayer(keras.layers.Layer):
    """The layer with h(v) in place of its weights' rounding, and f as a loss of its own."""

    def __init__(
        self,
        layer: keras.layers.Layer,
        grids: Mapping[str, WeightGrid],
        steps: int,
        regularization: float,
    ):
        super().__init__()
        # Its weights are constants here: in a list of Keras's they would be tracked and trained.
        self._call = lambda values, inputs: _call_with(layer, values, inputs)
        self.grids, self.steps, self.regularization = dict(grids), steps, regularization
        self.step = self.add_weight(shape=(), initializer="zeros", trainable=False, name="step")
        self.positions = {
            path: grid.position(_variable(layer, path).numpy()) for path, grid in grids.items()
        }
        self.dtypes = {path: _variable(layer, path).numpy().dtype for path in grids}
        self.ups = {path: self._add_up(path, at) for path, at in self.positions.items()}

    def _add_up(self, path: str, position: np.ndarray) -> Any:
        share = (position - np.floor(position) - GAMMA) / (ZETA - GAMMA)
        initial = np.log(share / (1 - share))
        return self.add_weight(
            shape=initial.shape,
            initializer=lambda shape, dtype: ops.convert_to_tensor(initial, dtype),
            name=path.replace("/", "_"),
        )

    def call(self, inputs: Any, training: bool = False) -> Any:
        values: dict[str, Any] = {}
        unsettled: Any = 0.0
        count = 0
        for path, grid in self.grids.items():
            position = self.positions[path]
            up = rectified_sigmoid(self.ups[path])
            free = is_free(position)
            floor, nearest = (f(position).astype("float32") for f in (np.floor, np.round))
            # Arrays and tensors do not add up in Python on PyTorch: hence the operations.
            integers = ops.where(free, ops.add(floor, up), nearest)
            values[path] = ops.multiply(integers, grid.step.astype("float32"))
            unsettled += ops.sum(ops.where(free, 1 - ops.abs(2 * up - 1) ** self._beta(), 0.0))
            count += max(int(free.sum()), 1)
        if training:
            is_on = ops.cast(self.step >= WARM_UP * self.steps, unsettled.dtype)
            self.add_loss(is_on * self.regularization * unsettled / count)
            self.step.assign_add(1.0)
        return self._call(values, inputs)

    def _beta(self) -> Any:
        start = WARM_UP * self.steps
        done = ops.clip((self.step - start) / max(self.steps - start, 1), 0.0, 1.0)
        return LAST_BETA + (FIRST_BETA - LAST_BETA) * 0.5 * (1 + ops.cos(np.pi * done))

    def decided(self) -> dict[str, np.ndarray]:
        """Every weight up or down, as h is above or below one half."""
        weights = {}
        for path, grid in self.grids.items():
            position, up = self.positions[path], ops.convert_to_numpy(self.ups[path])
            moved = np.floor(position) + (up > 0)
            integers = np.where(is_free(position), moved, np.round(position))
            weights[path] = grid.values(integers, self.dtypes[path])
        return weights


def rectified_sigmoid(v: Any) -> Any:
    """h(v), 0 and 1 included."""
    return ops.clip(ops.sigmoid(v) * (ZETA - GAMMA) + GAMMA, 0.0, 1.0)


def is_free(position: np.ndarray) -> np.ndarray:
    """Which weights have a choice: those between two integers. The largest one of a channel, on
    which the step depends, is on an integer and stays there."""
    return np.abs(position - np.round(position)) > _ON_THE_GRID


def _call_with(layer: keras.layers.Layer, values: Mapping[str, Any], inputs: Any) -> Any:
    """The layer's output with other weights at the paths in `values`."""

    def current(variables: list[Any]) -> list[Any]:
        return [values.get(relative_path(layer, v), v.value) for v in variables]

    outputs, _ = layer.stateless_call(
        current(layer.trainable_variables), current(layer.non_trainable_variables), inputs
    )
    return outputs


def relative_path(layer: keras.layers.Layer, variable: Any) -> str:
    """The path of a layer's variable without the part that names the layer: "query/kernel"."""
    _, found, path = variable.path.rpartition(f"{layer.name}/")
    return path if found else variable.path


def _variable(layer: keras.layers.Layer, path: str) -> Any:
    return next(v for v in layer.variables if relative_path(layer, v) == path)


def _error(
    layer: keras.layers.Layer,
    values: Mapping[str, np.ndarray],
    inputs: np.ndarray,
    targets: np.ndarray,
    batch_size: int = 256,
) -> float:
    """Mean squared difference between the layer's outputs and `targets`."""
    total = 0.0
    for start in range(0, len(inputs), batch_size):
        rows = slice(start, start + batch_size)
        outputs = ops.convert_to_numpy(_call_with(layer, values, inputs[rows]))
        total += float(np.sum((outputs.astype(np.float64) - targets[rows]) ** 2))
    return total / targets.size
