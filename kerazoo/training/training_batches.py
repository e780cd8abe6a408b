"""The batches of a fine-tuning: files read, images distorted, classes weighted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from kerazoo.datasets import Augment, Batches
from kerazoo.datasets.augment import check_augment, distort
from kerazoo.datasets.images import decode, read_image
from kerazoo.errors import DataError
from kerazoo.training.labelled_data import LabelledData

if TYPE_CHECKING:
    import tensorflow as tf


class TrainingBatches:
    """A `BatchSource` of (inputs, labels, weights) over labelled data.

    Args:
        shape: of a sample as the model takes it; files are read and squeezed to it.
        class_weights: of each class, in the loss; None leaves weights out.
    """

    def __init__(
        self,
        data: LabelledData,
        shape: tuple[int, ...],
        *,
        batch_size: int,
        shuffle: bool = True,
        augment: Augment | None = None,
        class_weights: np.ndarray | None = None,
        seed: int = 0,
    ):
        if data.is_files and shape[2:] not in ((1,), (3,)):
            raise DataError(
                f"Image files are for models of 1 channel, grey, or 3, red, green and blue. "
                f"Received: a model that takes {shape}. Give the images as an array."
            )
        if augment is not None:
            check_augment(augment, (1, *shape))
        self.data, self.shape, self.augment, self.seed = data, shape, augment, seed
        self.class_weights = class_weights
        self.batches = Batches(
            data.inputs, data.labels, batch_size=batch_size, shuffle=shuffle, seed=seed
        )

    def __len__(self) -> int:
        return len(self.batches)

    def starting_at(self, epoch: int, step: int) -> tf.data.Dataset:
        """The batches from there on, epoch after epoch, without an end."""
        import tensorflow as tf

        stream = self.batches.starting_at(epoch, step)
        if self.data.is_files:
            stream = stream.map(self._read, tf.data.AUTOTUNE)
        if (augment := self.augment) is not None:
            first = epoch * len(self) + step
            stream = stream.enumerate(first).map(
                lambda number, pair: self._distort(number, pair, augment), tf.data.AUTOTUNE
            )
        if self.class_weights is not None:
            weights = tf.constant(self.class_weights, tf.float32)
            stream = stream.map(lambda x, y: (x, y, tf.gather(weights, y)))
        return stream.prefetch(tf.data.AUTOTUNE)

    def one_pass(self) -> tf.data.Dataset:
        """All samples once."""
        return self.epoch(0)

    def epoch(self, number: int) -> tf.data.Dataset:
        """All samples once, as in epoch `number`."""
        import tensorflow as tf

        batches = self.starting_at(number, 0).take(len(self))
        return batches.apply(tf.data.experimental.assert_cardinality(len(self)))

    def fingerprint(self) -> str:
        """Equal for equal batches."""
        return f"{self.batches.fingerprint()} {self.augment} {self.class_weights}"

    def _read(self, paths: Any, labels: Any) -> tuple[Any, Any]:
        import tensorflow as tf

        height, width, channels = self.shape

        def read(path: Any) -> Any:
            image = decode(tf.io.read_file(path))
            if channels == 1:
                image = tf.image.rgb_to_grayscale(image)
            return tf.image.resize(tf.cast(image, tf.float32), (height, width), antialias=True)

        return tf.map_fn(read, paths, fn_output_signature=tf.float32), labels

    def _distort(self, number: Any, pair: tuple[Any, Any], augment: Augment) -> tuple[Any, Any]:
        import tensorflow as tf

        inputs, labels = pair
        inputs.set_shape((None, *self.shape))
        key = tf.stack([tf.constant(self.seed, tf.int64), number])
        return distort(inputs, augment, key), labels


def check_files(data: LabelledData, shape: tuple[int, ...]) -> None:
    """Read every file once. Raises `DataError` with the name of the first that is no image."""
    if data.is_files:
        for path in data.inputs:
            read_image(path, shape)


def balanced(labels: np.ndarray, num_classes: int) -> np.ndarray:
    """Weights by which every class counts alike: samples / (classes * samples of the class)."""
    counts = np.bincount(labels, minlength=num_classes)
    if not counts.all():
        raise DataError(f"Class {int(counts.argmin())} has no sample to train on.")
    return len(labels) / (num_classes * counts)
