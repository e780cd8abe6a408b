"""Dice score of masks (Dice 1945, Sorensen 1948), over a whole data set."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from kerazoo.argument_checks import check_integer, check_number
from kerazoo.errors import ConfigError, DataError, unknown_name
from kerazoo.metrics._class_labels import check_label
from kerazoo.metrics._compensated_sum import add_to, value_of
from kerazoo.metrics._sample_weights import spread_weights, without_masked
from kerazoo.metrics._shapes import agree, check_is_batch, without_last_one

AVERAGES = ("micro", "macro")


@keras.saving.register_keras_serializable(package="kerazoo")
class DiceScore(keras.metrics.Metric):
    r"""Overlap `2 |A and B| / (|A| + |B|)` of true and predicted elements; 0 none, 1 all.

    The three counts are summed over every image and divided once in `result`, so an image counts
    for its elements and batches do not matter. (The mean of each image's own score, which others
    also call Dice, is another number.) Dice is the F1 score of the elements.

    - `average="macro"`: the mean of the classes' scores, without classes that neither truth nor
      prediction ever had;
    - `average="micro"`: one score of the counts summed over the classes;
    - `average=None`: one for each class, `(classes,)`, NaN for a class that was never seen.

    NaN if no class was ever seen (torchmetrics says the same).

    Shapes: `y_pred` `(batch, ..., classes)`, scores of any range; the largest is the prediction
    (equal ones: the first). Or integers `(batch, ...)`, the predicted labels themselves. `y_true`
    integer labels `(batch, ...)` or `(batch, ..., 1)`, or one-hot `(batch, ..., classes)`.
    With `threshold`, `y_pred` and `y_true` (0 or 1) are both `(batch, ..., classes)`, and an
    element may have several classes or none. `sample_weight`: `(batch,)` or `(batch, ...)`.
    Elements that a Keras mask of `y_pred` hides are left out.

    Args:
        num_classes: 1 or more; 1 only with `threshold`.
        average: "macro", "micro" or None.
        threshold: None for one class per element; else scores above it are a yes (0.5 for
            probabilities, 0 for logits).
        ignore_class: elements with this true label are left out, such as 255 or -1 for "unknown".
            A label among the classes (0 for the background) also leaves the averages, and its own
            score is NaN. Not together with `threshold`.
        name, dtype: as for every Keras metric.

    Raises: ConfigError or UnknownNameError for arguments out of range; `update_state` raises
        DataError for shapes that do not fit.

    >>> metric = kerazoo.metrics.DiceScore(num_classes=3, average=None)
    >>> metric.update_state([[0, 0, 1, 2]], np.array([[0, 1, 1, 2]]))
    >>> [round(float(score), 4) for score in metric.result()]
    [0.6667, 0.6667, 1.0]
    """

    def __init__(
        self,
        num_classes: int,
        average: str | None = "macro",
        threshold: float | None = None,
        ignore_class: int | None = None,
        name: str = "dice_score",
        dtype: Any = None,
    ):
        super().__init__(name=name, dtype=dtype)
        if average is not None and average not in AVERAGES:
            raise unknown_name("average", average, AVERAGES)
        if threshold is not None and ignore_class is not None:
            raise ConfigError(
                "`ignore_class` needs one label for each element, `threshold` has several. "
                f"Received: threshold={threshold!r}, ignore_class={ignore_class!r}. "
                "Give the elements to leave out a `sample_weight` of 0."
            )
        least = 2 if threshold is None else 1
        self.num_classes = check_integer("num_classes", num_classes, least=least)
        self.average = average
        self.threshold = None if threshold is None else check_number("threshold", threshold)
        self.ignore_class = check_label("ignore_class", ignore_class)
        self._direction = "up"  # what mode="auto" of Keras's callbacks asks for
        self.sums = self.add_variable(
            (2, 3, self.num_classes), "zeros", dtype="float32", name="sums"
        )

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        y_true, y_pred = ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred)
        check_is_batch("y_pred", tuple(y_pred.shape))
        count = self._one_class_each if self.threshold is None else self._any_classes_each
        add_to(self.sums, ops.stack(count(y_true, y_pred, sample_weight)))

    def result(self) -> Any:
        overlap, true, predicted = ops.unstack(value_of(self.sums), axis=0)
        counted = [float(label != self.ignore_class) for label in range(self.num_classes)]
        counted = ops.convert_to_tensor(counted, "float32")
        overlap, size = 2 * overlap * counted, (true + predicted) * counted
        if self.average == "micro":
            overlap, size = ops.sum(overlap), ops.sum(size)
        elif self.average == "macro":
            scores, seen = ops.divide_no_nan(overlap, size), ops.cast(size > 0, "float32")
            overlap, size = ops.sum(scores), ops.sum(seen)
        score = ops.where(size > 0, ops.divide_no_nan(overlap, size), float("nan"))
        return ops.cast(score, self.dtype)

    def _any_classes_each(self, y_true: Any, y_pred: Any, sample_weight: Any) -> list:
        """Overlap, true and predicted, `(classes,)` each."""
        self._check_classes(y_pred, "y_pred")
        _check_same(y_true, y_pred, y_true, y_pred)
        scores = ops.cast(y_pred, "float32")
        weights = without_masked(spread_weights(sample_weight, scores[..., 0]), y_pred)
        weights = ops.expand_dims(weights, -1)
        true, predicted = ops.cast(y_true, "bool"), scores > self.threshold
        counts = [ops.logical_and(true, predicted), true, predicted]
        return [_sum_by_class(ops.cast(count, "float32") * weights) for count in counts]

    def _one_class_each(self, y_true: Any, y_pred: Any, sample_weight: Any) -> list:
        """The same as `_any_classes_each`, without the one-hot rows that would take its memory."""
        labels, said = self._labels(y_true, y_pred)
        weights = spread_weights(sample_weight, ops.cast(labels, "float32"))
        weights = without_masked(weights, y_pred)
        if self.ignore_class is not None:
            weights = ops.where(labels == self.ignore_class, 0.0, weights)
        overlap = ops.where(labels == said, weights, 0.0)
        counts = [(overlap, labels), (weights, labels), (weights, said)]
        return [_sum_by_label(values, ids, self.num_classes) for values, ids in counts]

    def _labels(self, y_true: Any, y_pred: Any) -> tuple[Any, Any]:
        """True and predicted label of each element, int32, `(batch, ...)`."""
        said = y_pred
        if keras.backend.is_float_dtype(y_pred.dtype):
            self._check_classes(y_pred, "y_pred")
            said = ops.argmax(y_pred, axis=-1)
        labels, axes = y_true, len(said.shape)
        if without_last_one(tuple(y_true.shape), axes=axes) != tuple(y_true.shape):
            labels = ops.squeeze(y_true, -1)
        elif len(y_true.shape) == axes + 1:
            self._check_classes(y_true, "y_true")
            labels = ops.argmax(y_true, axis=-1)
        _check_same(labels, said, y_true, y_pred)
        return ops.cast(labels, "int32"), ops.cast(said, "int32")

    def _check_classes(self, values: Any, name: str) -> None:
        if values.shape[-1] != self.num_classes:
            raise DataError(
                f"The last axis of `{name}` must have `num_classes` {self.num_classes}. "
                f"Received: shape {tuple(values.shape)}. An integer `y_pred` is taken as labels."
            )

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "num_classes": self.num_classes,
            "average": self.average,
            "threshold": self.threshold,
            "ignore_class": self.ignore_class,
        }


def _sum_by_class(values: Any) -> Any:
    """`(batch, ..., classes)` to `(classes,)`."""
    # Images first: ones added one by one to a float32 get lost beyond 2 ** 24 elements.
    inner = tuple(range(1, len(values.shape) - 1))
    return ops.sum(ops.sum(values, axis=inner) if inner else values, axis=0)


def _sum_by_label(values: Any, labels: Any, classes: int) -> Any:
    """`(batch, ...)` each, to `(classes,)`; labels that are no class count for none."""
    # Images first, as above: a segment for each class of each image, and one for what is no class.
    images = ops.shape(labels)[0]
    nowhere = images * classes
    first = ops.reshape(ops.arange(0, nowhere, classes), (-1, *[1] * (len(labels.shape) - 1)))
    known = ops.logical_and(labels >= 0, labels < classes)
    segments = ops.where(known, labels + ops.cast(first, "int32"), nowhere)
    sums = ops.segment_sum(
        ops.reshape(values, (-1,)), ops.reshape(segments, (-1,)), num_segments=nowhere + 1
    )
    return ops.sum(ops.reshape(sums[:-1], (-1, classes)), axis=0)


def _check_same(one: Any, other: Any, y_true: Any, y_pred: Any) -> None:
    if not agree(tuple(one.shape), tuple(other.shape)):
        raise DataError(
            "`y_true` and `y_pred` must describe the same elements. "
            f"Received: y_true {tuple(y_true.shape)}, y_pred {tuple(y_pred.shape)}."
        )
