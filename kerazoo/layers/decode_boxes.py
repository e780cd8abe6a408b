"""Boxes and scores of what a detector without anchors says in each cell (arXiv:1904.01355)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers, ops

from kerazoo.argument_checks import check_integer, check_integers
from kerazoo.errors import ConfigError, DataError

_MOST = 6.0  # of a logarithm: exp(6) strides are beyond any image


@keras.saving.register_keras_serializable(package="kerazoo")
class DecodeBoxes(layers.Layer):
    """left = x - s exp(d), and likewise to the other sides; score = sqrt(p(class) p(centerness)).

    x, y is the centre of a cell, s the stride; p is the sigmoid of a logit. Edges are cut off at
    the image's. Computed in float32 whatever the precision of the model. There are no weights.

    Source: Tian, Shen, Chen, He 2019, arXiv:1904.01355; the root, which orders as the product does
    and keeps scores comparable with those of other detectors, is of the authors' later code.

    Args:
        grid: rows and columns of cells.
        stride: pixels from cell to cell; the first cell's centre is at half of it.

    Shape: `(batch, rows * columns, classes + 5)` as `AnchorFreeLoss` takes it, class logits, four
    logarithms of distances in strides, the centerness's logit; to `(batch, rows * columns, 4 +
    classes)`: left, top, right, bottom in pixels, and a score of each class, 0 to 1.

    Raises: ConfigError if an argument is out of its range, DataError for another shape.

    >>> cells = np.array([[[0.0, 0.0, 0.0, 0.0, 0.0, 0.0]]], "float32")  # 8 pixels to each side
    >>> DecodeBoxes(grid=[1, 1], stride=8)(cells).numpy().tolist()  # centre 4, 4; image 8 x 8
    [[[0.0, 0.0, 8.0, 8.0, 0.5]]]
    """

    def __init__(self, grid: Sequence[int], stride: int = 8, **kwargs: Any):
        super().__init__(**{"dtype": "float32", "autocast": False, **kwargs})
        self.grid = check_integers("grid", grid)
        if len(self.grid) != 2:
            raise ConfigError(f"`grid` must be rows and columns. Received: {self.grid}.")
        self.stride = check_integer("stride", stride)

    def build(self, input_shape):
        rows, columns = self.grid
        fits = len(input_shape) == 3 and input_shape[1] == rows * columns
        if not fits or (input_shape[2] or 0) < 6:
            raise DataError(
                f"Layer {self.name!r} takes (batch, {rows * columns}, classes + 5). "
                f"Received: input_shape={tuple(input_shape)}."
            )

    def call(self, inputs):
        cells = ops.cast(inputs, "float32")
        logits, logs, centre_logit = cells[..., :-5], cells[..., -5:-1], cells[..., -1:]
        y, x = (
            ops.reshape(place, (1, -1, 1))
            for place in ops.meshgrid(*map(self._middles, self.grid), indexing="ij")
        )
        distances = self.stride * ops.exp(ops.minimum(logs, _MOST))
        height, width = (size * self.stride for size in self.grid)
        boxes = [
            ops.maximum(x - distances[..., 0:1], 0.0),
            ops.maximum(y - distances[..., 1:2], 0.0),
            ops.minimum(x + distances[..., 2:3], float(width)),
            ops.minimum(y + distances[..., 3:4], float(height)),
        ]
        scores = ops.sqrt(ops.sigmoid(logits) * ops.sigmoid(centre_logit))
        return ops.cast(ops.concatenate([*boxes, scores], axis=-1), self.compute_dtype)

    def _middles(self, size):
        return (ops.arange(size, dtype="float32") + 0.5) * self.stride

    def compute_output_shape(self, input_shape):
        return (*input_shape[:2], input_shape[2] - 1)

    def get_config(self):
        return {**super().get_config(), "grid": self.grid, "stride": self.stride}
