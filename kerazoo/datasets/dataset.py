"""What is to be known of a dataset before it is read."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from kerazoo.datasets.arrays import Arrays
from kerazoo.datasets.augment import Augment

if TYPE_CHECKING:
    import numpy as np


class Dataset(msgspec.Struct, frozen=True, kw_only=True):
    """The facts of one dataset.

    Attributes:
        name: as `load` takes it.
        summary: what a sample is, its dtype and range.
        splits: names that `load` takes.
        input_shape: of one sample; name -> shape where there are several inputs.
        class_names: in label order; None for regression.
        license: of the data.
        augment: what `load(..., augment=True)` does.
        read: split to (inputs, targets).
        parse: one sample from what a person has at hand, a text or the path of a file; None where
            samples are pictures or come as arrays only. Raises `DataError`.
        examples: some of what `parse` takes, of the kind that the dataset has, by which a file is
            checked where the dataset is not here and random numbers would say nothing.
        is_series: whether samples follow each other in time, so that what is held out for
            validation is the latest of them.
        ignored_label: among the targets, of what nobody labelled; loss and metrics leave it out.
        text: what a row of numbers that stand for words or pieces says, be it a sample, a target or
            an answer like it; None where there are none.
        item_names: what to call the items that are recommended, in order of their numbers; it gives
            None where the file of names is not here.

    >>> import kerazoo, numpy as np
    >>> coins = kerazoo.datasets.Dataset(
    ...     name="coins",
    ...     summary="Two tosses each, float32, 0 or 1.",
    ...     splits=("train",),
    ...     input_shape=(2,),
    ...     class_names=("equal", "different"),
    ...     license="CC0-1.0",
    ...     read=lambda split: (np.eye(2, dtype="float32"), np.array([1, 1])),
    ... )
    >>> coins.num_classes, coins.labels(2), coins.labels(5)
    (2, ['equal', 'different'], None)
    """

    name: str
    summary: str
    splits: tuple[str, ...]
    input_shape: tuple[int, ...] | dict[str, tuple[int, ...]]
    class_names: tuple[str, ...] | None
    license: str
    read: Callable[[str], tuple[Arrays, Arrays]]
    augment: Augment = Augment()
    parse: Callable[[str], np.ndarray] | None = None
    examples: tuple[str, ...] = ()
    is_series: bool = False
    ignored_label: int | None = None
    text: Callable[[np.ndarray], str] | None = None
    item_names: Callable[[], list[str] | None] | None = None

    @property
    def num_classes(self) -> int | None:
        """Number of classes; None for regression."""
        return None if self.class_names is None else len(self.class_names)

    def labels(self, count: int) -> list[str] | None:
        """The class names for a model with `count` outputs; None where these are no such classes:
        in regression, and after another head."""
        if self.class_names is None or len(self.class_names) != count:
            return None
        return list(self.class_names)
