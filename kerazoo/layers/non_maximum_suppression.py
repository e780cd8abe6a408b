"""Non-maximum suppression of a fixed number of boxes, in operators that every runtime has."""

from __future__ import annotations

import operator
from typing import Any

import keras
from keras import layers, ops

from kerazoo.argument_checks import check_integer, check_number
from kerazoo.errors import ConfigError, DataError


@keras.saving.register_keras_serializable(package="kerazoo")
class NonMaximumSuppression(layers.Layer):
    """Of boxes of one class that overlap, the one with the highest score.

    Each box counts for its best class. From the highest score down (equal ones as they came), a box
    is taken unless one of its class that was taken before overlaps it (intersection over union)
    by more than `overlap`.

    The definition, exactly, as a fixed sequence of whole-array operations, one round for each box
    that comes out: it runs in batches, on every backend, and in a .tflite file without loops or
    operators of TensorFlow's own. Computed in float32 whatever the precision of the model.

    Source: `tf.image.non_max_suppression`, whose choice this is; changed: several classes at once,
    and a fixed number of rows.

    Args:
        max_detections: boxes that come out.
        candidates: only so many of the highest scores are looked at; `max_detections` or more.
        overlap: above which of two boxes one goes, 0 to 1.
        least_score: a box below it is none, 0 to 1.

    Shape: `(batch, boxes, 4 + classes)`: left, top, right, bottom, and a score of each class, 0 to
    1; to `(batch, max_detections, 6)`: left, top, right, bottom, score, label, the highest score
    first. Where there are no more boxes: zeros, and a label of -1.

    Raises: ConfigError if an argument is out of its range, DataError for another shape.

    >>> boxes = [[0, 0, 10, 10, 0.9], [1, 0, 10, 10, 0.8], [20, 20, 30, 30, 0.7]]
    >>> layer = NonMaximumSuppression(max_detections=3, candidates=3)
    >>> found = keras.ops.convert_to_numpy(layer(np.array([boxes], "float32")))
    >>> [round(float(score), 1) for score in found[0, :, 4]]  # the second one overlaps the first
    [0.9, 0.7, 0.0]
    """

    def __init__(
        self,
        max_detections: int = 100,
        candidates: int = 300,
        overlap: float = 0.5,
        least_score: float = 0.05,
        **kwargs: Any,
    ):
        super().__init__(**{"dtype": "float32", "autocast": False, **kwargs})
        self.max_detections = check_integer("max_detections", max_detections)
        self.candidates = check_integer("candidates", candidates)
        if self.candidates < self.max_detections:
            raise ConfigError(
                f"`candidates` must not be less than `max_detections`. Received: "
                f"{candidates} and {max_detections}."
            )
        self.overlap = check_number("overlap", overlap, least=0, most=1)
        self.least_score = check_number("least_score", least_score, least=0, most=1)

    def build(self, input_shape):
        fits = len(input_shape) == 3 and (input_shape[1] or 0) >= self.candidates
        if not fits or (input_shape[2] or 0) < 5:
            raise DataError(
                f"Layer {self.name!r} takes (batch, boxes, 4 + classes) with {self.candidates} "
                f"boxes or more. Received: input_shape={tuple(input_shape)}."
            )

    def call(self, inputs):
        rows = ops.cast(inputs, "float32")
        best = ops.max(rows[..., 4:], axis=-1)
        order = ops.argsort(-best, axis=-1)[:, : self.candidates]
        rows = _rows_at(rows, order)
        best, label = _highest(rows[..., 4:])
        rows = ops.concatenate([rows[..., :4], best, label], axis=-1)
        places, is_there = self._take(best[..., 0], self._excludes(rows[..., :4], label[..., 0]))
        found = _rows_at(rows, places)
        is_there = ops.expand_dims(is_there, -1)
        nothing = ops.convert_to_tensor([0.0, 0.0, 0.0, 0.0, 0.0, -1.0], dtype="float32")
        return ops.cast(found * is_there + nothing * (1 - is_there), self.compute_dtype)

    def _take(self, scores, excludes):
        """Places `(batch, max_detections)` of the boxes that are taken, and whether there is one, 1
        or 0: each round takes the highest score that is left, and what that excludes is no more
        left. Numbers for truth values, which not all TFLite operators take."""
        places, is_there = [], []
        for _ in range(self.max_detections):
            best, place = _highest(scores)
            places.append(place)
            is_there.append(ops.cast(best >= self.least_score, "float32"))
            gone = _rows_at(excludes, place)[:, 0]
            scores = scores * (1 - gone) - gone
        return ops.concatenate(places, axis=-1), ops.concatenate(is_there, axis=-1)

    def _excludes(self, boxes, label):
        """`(batch, candidates, candidates)`: 1 where two boxes are of one class and overlap too
        much, or are the same; else 0."""
        left, top, right, bottom = (boxes[..., place] for place in range(4))
        width = _pairs(ops.minimum, right) - _pairs(ops.maximum, left)
        height = _pairs(ops.minimum, bottom) - _pairs(ops.maximum, top)
        common = ops.maximum(width, 0.0) * ops.maximum(height, 0.0)
        union = _pairs(operator.add, (right - left) * (bottom - top)) - common
        of_one_class = ops.cast(ops.abs(_pairs(operator.sub, label)) < 0.5, "float32")
        is_much = ops.cast(common > self.overlap * union, "float32")
        itself = ops.eye(self.candidates, dtype="float32")
        return ops.maximum(of_one_class * is_much, itself)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.max_detections, 6)

    def get_config(self):
        return {
            **super().get_config(),
            "max_detections": self.max_detections,
            "candidates": self.candidates,
            "overlap": self.overlap,
            "least_score": self.least_score,
        }


def _pairs(operation, values):
    """`(batch, n)` to `(batch, n, n)`: the operation on each two.

    Python's + and not `ops.add`, which in a batch of one takes a row for a bias, for which the
    TFLite converter has no form (Keras 3.15).
    """
    return operation(ops.expand_dims(values, 2), ops.expand_dims(values, 1))


def _highest(scores):
    """Along the last axis, which stays: the highest number, and the first place that has it.

    Not `ops.argmax`, which looks at the sign of zeros by operators that TFLite does not have.
    """
    best = ops.max(scores, axis=-1, keepdims=True)
    places = ops.arange(scores.shape[-1], dtype="float32")
    return best, ops.min(ops.where(scores >= best, places, float("inf")), axis=-1, keepdims=True)


def _rows_at(rows, places):
    """`(batch, n, width)` at `(batch, m)` places: `(batch, m, width)`.

    As one `take` from all rows of the batch: `ops.take_along_axis` is made of operators that TFLite
    does not have.
    """
    batch, count, width = ops.shape(rows)[0], rows.shape[1], rows.shape[2]
    places = ops.cast(places, "int32")
    first = ops.expand_dims(ops.arange(batch, dtype="int32") * count, -1)
    chosen = ops.take(ops.reshape(rows, (-1, width)), ops.reshape(places + first, (-1,)), axis=0)
    return ops.reshape(chosen, (-1, places.shape[1], width))
