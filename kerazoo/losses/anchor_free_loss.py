"""The loss of a detector without anchors, FCOS (Tian, Shen, Chen, He 2019, arXiv:1904.01355)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from kerazoo.argument_checks import check_integer, check_integers, check_number
from kerazoo.errors import ConfigError, DataError

_MOST = 6.0  # of a predicted logarithm: exp(6) strides are beyond any image
_TINY = 1e-6


@keras.saving.register_keras_serializable(package="kerazoo")
class AnchorFreeLoss(keras.losses.Loss):
    """(focal + w giou) / cells in an object + cross-entropy of the centerness.

    A cell belongs to an object if its centre is in the object's box and within `radius` cells of
    the box's middle, in each direction; to the smallest of several. Of each image:

    - focal loss of all cells and classes, each class a yes or no of its own (Lin et al. 2017,
      arXiv:1708.02002), summed, over the number of cells that belong to an object, 1 at least;
    - 1 - generalized overlap (Rezatofighi et al. 2019, arXiv:1902.09630) of the boxes predicted in
      the cells that belong to an object, a mean weighted by their centerness;
    - binary cross-entropy of the centerness in these cells, a mean. The centerness is
      sqrt(min(l, r) / max(l, r) * min(t, b) / max(t, b)), 1 in the middle of a box, 0 at its edges.

    As in the authors' later code, with one difference: they divide by the number of cells of a
    whole batch, which would make an image's loss depend on the images beside it.

    Shapes: `y_true` `(batch, boxes, 5)`: label (below 0: no box), left, top, right, bottom in
    pixels; `y_pred` `(batch, rows * columns, classes + 5)` as
    `kerazoo.models.anchor_free_detector` gives it. float32 whatever the dtype of the model.

    Args:
        grid: rows and columns of cells.
        stride: pixels from cell to cell; the first cell's centre is at half of it.
        radius: of the part of a box whose cells belong to it, in cells, above 0.
        alpha, gamma: of the focal loss: the weight of what is there against 1 - alpha for what is
            not, 0 to 1; the power that makes little of what is clear, 0 or more.
        overlap_weight: w, above 0.
        name, reduction, dtype: as for every Keras loss.

    Raises: ConfigError for arguments out of range; DataError in `call` for shapes that do not fit.

    >>> loss = kerazoo.losses.AnchorFreeLoss(grid=[1, 1], stride=8)
    >>> box = [[[0.0, 0.0, 0.0, 8.0, 8.0]]]  # one object, just around the only cell
    >>> sure = [[[20.0, -0.6931, -0.6931, -0.6931, -0.6931, 20.0]]]  # of its class; 4 pixels each
    >>> round(float(loss(box, sure)), 3)
    0.0
    """

    def __init__(
        self,
        grid: Sequence[int],
        stride: int = 8,
        radius: float = 1.5,
        alpha: float = 0.25,
        gamma: float = 2.0,
        overlap_weight: float = 1.0,
        name: str = "anchor_free_loss",
        reduction: str = "sum_over_batch_size",
        dtype: Any = "float32",
    ):
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.grid = check_integers("grid", grid)
        if len(self.grid) != 2:
            raise ConfigError(f"`grid` must be rows and columns. Received: {self.grid}.")
        self.stride = check_integer("stride", stride)
        self.radius = check_number("radius", radius, above=0)
        self.alpha = check_number("alpha", alpha, least=0, most=1)
        self.gamma = check_number("gamma", gamma, least=0)
        self.overlap_weight = check_number("overlap_weight", overlap_weight, above=0)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        y_true = ops.cast(ops.convert_to_tensor(y_true), "float32")
        y_pred = ops.cast(ops.convert_to_tensor(y_pred), "float32")
        self._check_shapes(tuple(y_true.shape), tuple(y_pred.shape))
        # A box that is none at the end: of no boxes at all none is the smallest.
        y_true = ops.pad(y_true, ((0, 0), (0, 1), (0, 0)), constant_values=-1.0)
        logits, logs, centre_logits = y_pred[..., :-5], y_pred[..., -5:-1], y_pred[..., -1]
        label, distances, belongs = self._assign(y_true)
        count = ops.maximum(ops.sum(belongs, axis=1), 1.0)
        classes = ops.arange(logits.shape[-1], dtype="float32")
        wanted = ops.cast(ops.expand_dims(label, -1) == classes, "float32")
        focal = ops.sum(self._focal(wanted, logits), axis=(1, 2)) / count
        centerness = _centerness(distances) * belongs
        weight = ops.maximum(ops.sum(centerness, axis=1), _TINY)
        found = self.stride * ops.exp(ops.minimum(logs, _MOST))
        overlap = ops.sum((1 - _generalized_overlap(distances, found)) * centerness, axis=1)
        entropy = ops.sum(_cross_entropy(centerness, centre_logits) * belongs, axis=1)
        return focal + self.overlap_weight * overlap / weight + entropy / count

    def _check_shapes(self, boxes: tuple[Any, ...], cells: tuple[Any, ...]) -> None:
        rows, columns = self.grid
        if len(boxes) != 3 or boxes[-1] != 5 or len(cells) != 3 or (cells[-1] or 0) < 6:
            raise DataError(
                f"Loss {self.name!r} takes y_true (batch, boxes, 5) and y_pred (batch, cells, "
                f"classes + 5). Received: {boxes} and {cells}."
            )
        if cells[1] not in (rows * columns, None):
            raise DataError(
                f"Loss {self.name!r} is for a grid of {rows} * {columns} cells. Received: {cells}."
            )

    def _assign(self, y_true: Any) -> tuple[Any, Any, Any]:
        """Of each cell `(batch, cells)`: the label, -1 where it belongs to no object; distances to
        the edges, 1 there; and whether it belongs to one, as 0 or 1."""
        rows, columns = self.grid
        y, x = ops.meshgrid(
            (ops.arange(rows, dtype="float32") + 0.5) * self.stride,
            (ops.arange(columns, dtype="float32") + 0.5) * self.stride,
            indexing="ij",
        )
        x, y = ops.reshape(x, (1, -1, 1)), ops.reshape(y, (1, -1, 1))
        # (batch, 1, boxes) against (1, cells, 1)
        label, left, top, right, bottom = (
            ops.expand_dims(y_true[..., place], 1) for place in range(5)
        )
        distances = ops.stack([x - left, y - top, right - x, bottom - y], axis=-1)
        reach = self.radius * self.stride
        may = (
            (ops.min(distances, axis=-1) > 0)
            & (ops.abs(x - (left + right) / 2) < reach)
            & (ops.abs(y - (top + bottom) / 2) < reach)
            & (label >= 0)
        )
        area = ops.where(may, (right - left) * (bottom - top), float("inf"))
        chosen = ops.expand_dims(ops.argmin(area, axis=-1), -1)  # (batch, cells, 1)
        belongs = ops.any(may, axis=-1)
        label = ops.take_along_axis(label + ops.zeros_like(area), chosen, axis=-1)[..., 0]
        distances = ops.take_along_axis(distances, ops.expand_dims(chosen, -1), axis=2)[..., 0, :]
        label = ops.where(belongs, label, -1.0)
        distances = ops.where(ops.expand_dims(belongs, -1), distances, 1.0)
        return label, distances, ops.cast(belongs, "float32")

    def _focal(self, wanted: Any, logits: Any) -> Any:
        # A power by its logarithm: that of 0, which the probability may round to, has no slope.
        of_wrong = ops.log_sigmoid(ops.where(wanted > 0, -logits, logits))
        weight = self.alpha * wanted + (1 - self.alpha) * (1 - wanted)
        return weight * ops.exp(self.gamma * of_wrong) * _cross_entropy(wanted, logits)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "dtype": self.dtype,
            "grid": self.grid,
            "stride": self.stride,
            "radius": self.radius,
            "alpha": self.alpha,
            "gamma": self.gamma,
            "overlap_weight": self.overlap_weight,
        }


def _cross_entropy(wanted: Any, logits: Any) -> Any:
    """-(w log p + (1 - w) log(1 - p)), p = sigmoid(logits), without overflow."""
    return ops.maximum(logits, 0.0) - logits * wanted + ops.log1p(ops.exp(-ops.abs(logits)))


def _centerness(distances: Any) -> Any:
    left, top, right, bottom = (distances[..., place] for place in range(4))
    across = ops.minimum(left, right) / ops.maximum(left, right)
    return ops.sqrt(across * ops.minimum(top, bottom) / ops.maximum(top, bottom))


def _generalized_overlap(wanted: Any, found: Any) -> Any:
    """Of two boxes around one point, from its distances to their edges: -1 to 1.

    Intersection over union, less the part of the smallest box around both that neither covers.
    """

    def area(distances: Any) -> Any:
        left, top, right, bottom = (distances[..., place] for place in range(4))
        return (left + right) * (top + bottom)

    common, around = area(ops.minimum(wanted, found)), area(ops.maximum(wanted, found))
    union = area(wanted) + area(found) - common
    return common / union - (around - union) / around
