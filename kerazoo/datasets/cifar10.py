"""CIFAR-10: 60,000 photographs of ten classes, 32x32 colour (Krizhevsky 2009).

Read from `$KERAZOO_DATA/cifar10.npz` or the cache, in one of two layouts: the arrays that
`keras.datasets.cifar10.load_data()` returns, or a pack of JPEG files laid end to end, of which
`offsets` says where each starts. JPEG is lossy: figures from the two layouts do not compare.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from kerazoo.datasets import source
from kerazoo.datasets.augment import Augment
from kerazoo.datasets.dataset import Dataset
from kerazoo.errors import DataError

if TYPE_CHECKING:
    import numpy as np

_HELP = (
    "Put cifar10.npz into a folder and set KERAZOO_DATA to it; with a network, once: "
    "(x, y), (u, v) = keras.datasets.cifar10.load_data(); "
    "np.savez('cifar10.npz', x_train=x, y_train=y, x_test=u, y_test=v)."
)


def _read(split: str) -> tuple[np.ndarray, np.ndarray]:
    path = source.find_file("cifar10.npz")
    if path is None:
        raise DataError(f"CIFAR-10 is not here. {_HELP}")
    return _read_npz(path, split)


def _read_npz(path: Path, split: str) -> tuple[np.ndarray, np.ndarray]:
    import numpy as np

    try:
        with np.load(path, allow_pickle=False) as arrays:
            if f"{split}_jpeg" in arrays:
                images, labels = _decode_pack(arrays, split), arrays[f"{split}_labels"]
            else:
                images, labels = arrays[f"x_{split}"], arrays[f"y_{split}"].reshape(-1)
        return (
            images.astype(np.uint8, casting="safe"),
            np.atleast_1d(labels.astype(np.int64, casting="safe")),
        )
    except Exception as error:  # zipfile, zlib, TensorFlow and NumPy each raise their own kinds
        reason = " ".join(str(error).split())
        raise DataError(
            f"{path} is damaged or not CIFAR-10: {reason}. Remove it. {_HELP}"
        ) from error


def _decode_pack(arrays: Mapping[str, np.ndarray], split: str) -> np.ndarray:
    """All pictures of a pack, `(pictures, 32, 32, 3)` uint8; some seconds."""
    import numpy as np
    import tensorflow as tf

    content, offsets = arrays[f"{split}_jpeg"].tobytes(), arrays[f"{split}_offsets"]
    files = [content[a:b] for a, b in pairwise(offsets)]

    def decode(file: tf.Tensor) -> tf.Tensor:
        # The decoder's slow and exact transform, which other programs use as well.
        image = tf.io.decode_jpeg(file, channels=3, dct_method="INTEGER_ACCURATE")
        return tf.ensure_shape(image, DATASET.input_shape)

    with tf.device("CPU:0"):
        images = tf.data.Dataset.from_tensor_slices(files).map(decode, tf.data.AUTOTUNE)
        return np.concatenate(list(images.batch(1000).as_numpy_iterator()))


DATASET = Dataset(
    name="cifar10",
    summary="32x32 colour photographs of ten classes, uint8.",
    splits=("train", "test"),
    input_shape=(32, 32, 3),
    class_names=(
        "airplane",
        "automobile",
        "bird",
        "cat",
        "deer",
        "dog",
        "frog",
        "horse",
        "ship",
        "truck",
    ),
    license="none stated (Alex Krizhevsky, Learning Multiple Layers of Features from Tiny Images)",
    read=_read,
    augment=Augment(flip=True, shift=0.125),
)
