"""BCCD: 364 photographs of blood smears with boxes round cells (github.com/Shenggan/BCCD_Dataset).

Read from `$KERAZOO_DATA/bccd.npz`: JPEG files of 640x480 pixels laid end to end, of which `offsets`
says where each starts, and the boxes likewise. Pictures are squeezed to 320x240 when they are read,
and the boxes with them. The split is the source's own. Many cells that overlap or are cut off by
the border have no box, so that no detector can find just what is labelled.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from kerazoo.datasets import source
from kerazoo.datasets.augment import Augment
from kerazoo.datasets.dataset import Dataset
from kerazoo.errors import DataError

if TYPE_CHECKING:
    import numpy as np

HEIGHT, WIDTH = 240, 320
MOST_BOXES = 32
"""Rows of a picture's targets; the fullest picture has 30 boxes."""

_SPLITS = {"train": "train", "validation": "val", "test": "test"}
_HELP = (
    "Put bccd.npz into a folder and set KERAZOO_DATA to it: uint8 `jpeg` of all pictures end to "
    "end, `offsets` (one more than pictures), float32 `boxes` (xmin, ymin, xmax, ymax, counted "
    "from 1) and uint8 `labels` end to end, `box_offsets`, and `split` (train, val or test), made "
    "from github.com/Shenggan/BCCD_Dataset."
)


def _read(split: str) -> tuple[np.ndarray, np.ndarray]:
    import numpy as np

    path = source.find_file("bccd.npz")
    if path is None:
        raise DataError(f"BCCD is not here. {_HELP}")
    try:
        with np.load(path, allow_pickle=False) as arrays:
            pack = {name: arrays[name] for name in arrays.files}
        chosen = np.flatnonzero(pack["split"] == _SPLITS[split])
        files, boxes, labels = (
            [values[a:b] for a, b in pairwise(pack[offsets])]
            for values, offsets in (
                (pack["jpeg"], "offsets"),
                (pack["boxes"], "box_offsets"),
                (pack["labels"], "box_offsets"),
            )
        )
        pictures = [_decode(files[row].tobytes()) for row in chosen]
        targets = [
            _targets(boxes[row], labels[row], size)
            for row, (_, size) in zip(chosen, pictures, strict=True)
        ]
    except Exception as error:  # zipfile, zlib, TensorFlow and NumPy each raise their own kinds
        reason = " ".join(str(error).split())
        raise DataError(f"{path} is damaged or not BCCD: {reason}. Remove it. {_HELP}") from error
    return np.stack([picture for picture, _ in pictures]), np.stack(targets)


def _decode(file: bytes) -> tuple[np.ndarray, tuple[int, int]]:
    """A picture as `read_image` gives it, in bytes; and the height and width that it had."""
    import numpy as np
    import tensorflow as tf

    with tf.device("CPU:0"):
        image = tf.io.decode_jpeg(file, channels=3)
        small = tf.image.resize(tf.cast(image, tf.float32), (HEIGHT, WIDTH), antialias=True)
    return np.round(small.numpy()).astype(np.uint8), tuple(image.shape[:2])


def _targets(boxes: Any, labels: Any, size: tuple[int, int]) -> np.ndarray:
    """`(MOST_BOXES, 5)`: label, or -1 in rows without a box; left, top, right, bottom.

    The source counts pixels from 1 and its boxes include their last row and column: the edges of a
    box are at xmin - 1 and xmax.
    """
    import numpy as np

    targets = np.full((MOST_BOXES, 5), [-1, 0, 0, 0, 0], np.float32)
    targets[: len(boxes), 0] = labels
    edges = np.maximum(boxes - [1, 1, 0, 0], 0)
    targets[: len(boxes), 1:] = edges * (
        np.array([WIDTH, HEIGHT] * 2) / np.array([*size[::-1]] * 2)
    )
    return targets


DATASET = Dataset(
    name="bccd",
    summary="320x240 photographs of blood smears, uint8; up to 32 boxes of three kinds of cells "
    "each, float32: label (-1: no box), left, top, right, bottom in pixels.",
    splits=("train", "validation", "test"),
    input_shape=(HEIGHT, WIDTH, 3),
    class_names=("RBC", "WBC", "Platelets"),
    license="MIT (Copyright 2017 shenggan)",
    read=_read,
    augment=Augment(flip=True, flip_vertical=True, shift=0.1, zoom=0.2, targets="boxes"),
)
