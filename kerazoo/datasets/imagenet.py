"""ImageNet (ILSVRC 2012): 1.3 million photographs of 1,000 classes (Russakovsky et al. 2015).

Only its facts are here, for the models that were trained on it: kerazoo does not read it.
imagenet_classes.txt holds the first WordNet name of each class in label order, or a later one where
two classes share it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from kerazoo.datasets.augment import Augment
from kerazoo.datasets.dataset import Dataset
from kerazoo.errors import DataError

if TYPE_CHECKING:
    import numpy as np


def _read(split: str) -> tuple[np.ndarray, np.ndarray]:
    raise DataError(
        f"ImageNet's {split!r} part cannot be read by name: image-net.org gives it to whoever "
        f"agrees to its terms, and it does not fit into memory. Without it, `kerazoo predict` "
        f"takes photographs, `kerazoo fine-tune` a folder of them, and `kerazoo export` writes "
        f"float16. In Python, `kerazoo.evaluate` takes a tf.data.Dataset of (images 0..255, "
        f"labels) batches, the labels in the order of "
        f"kerazoo.datasets.info('imagenet').class_names."
    )


DATASET = Dataset(
    name="imagenet",
    summary="Colour photographs of 1,000 classes; only its facts, for models trained on it.",
    splits=("train", "test"),
    input_shape=(224, 224, 3),
    class_names=tuple(
        Path(__file__).with_name("imagenet_classes.txt").read_text(encoding="utf-8").splitlines()
    ),
    license="for research and education, on terms of image-net.org",
    read=_read,
    augment=Augment(flip=True, shift=0.1, zoom=0.1),
)
