"""scikit-learn's 1,797 handwritten digits (UCI, Alpaydin and Kaynak 1998), laid out like MNIST.

The source's 8x8 images hold how many of 4x4 pixels are inked, 0..16. Here they are enlarged to 20
rows and centred by their mass in 28x28, as MNIST's images were made. Other writers and another
scanner than MNIST's: unseen digits for a model trained on MNIST, and a harder test.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kerazoo.datasets.augment import Augment
from kerazoo.datasets.dataset import Dataset
from kerazoo.datasets.sklearn_data import sklearn_datasets

if TYPE_CHECKING:
    import numpy as np


def _read(split: str) -> tuple[np.ndarray, np.ndarray]:
    import numpy as np

    digits = sklearn_datasets().load_digits()
    images = np.stack([_like_mnist(image) for image in digits.images])[..., None]
    return images, digits.target.astype(np.int64)


def _like_mnist(image: np.ndarray) -> np.ndarray:
    """`(8, 8)` with 0..16 to `(28, 28)` uint8."""
    import numpy as np

    inked_rows = np.flatnonzero(image.any(axis=1))
    image = image[inked_rows[0] : inked_rows[-1] + 1]
    scale = 20 / len(image)
    large = _resize(image, 20, min(26, round(image.shape[1] * scale)))
    rows, columns = np.indices(large.shape)
    mass = large.sum()
    top = round(13.5 - (rows * large).sum() / mass)
    left = round(13.5 - (columns * large).sum() / mass)
    top = min(max(top, 0), 28 - large.shape[0])
    left = min(max(left, 0), 28 - large.shape[1])
    canvas = np.zeros((28, 28))
    canvas[top : top + large.shape[0], left : left + large.shape[1]] = large
    return np.clip(np.round(canvas * (255 / 16)), 0, 255).astype(np.uint8)


def _resize(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """Bilinear, pixel centres aligned; edges repeat."""
    import numpy as np

    def along_rows(picture: np.ndarray, size: int) -> np.ndarray:
        place = np.clip((np.arange(size) + 0.5) * len(picture) / size - 0.5, 0, len(picture) - 1)
        low = np.floor(place).astype(int)
        high = np.minimum(low + 1, len(picture) - 1)
        part = (place - low)[:, None]
        return picture[low] * (1 - part) + picture[high] * part

    return along_rows(along_rows(image, height).T, width).T


DATASET = Dataset(
    name="digits",
    summary="28x28 grey images of handwritten digits, uint8, enlarged from 8x8; a test set only.",
    splits=("test",),
    input_shape=(28, 28, 1),
    class_names=tuple("0123456789"),
    license="CC BY 4.0 (UCI, Alpaydin and Kaynak)",
    read=_read,
    augment=Augment(shift=0.1, rotate=10, zoom=0.1),
)
