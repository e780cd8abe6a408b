"""Picture files as the arrays that models take."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kerazoo.datasets import exif
from kerazoo.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    import tensorflow as tf

SUFFIXES = (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp")
"""Of the files that are read; of GIF the first picture, of WebP what does not move."""


def read_image(
    path: str | os.PathLike[str], shape: Sequence[int], *, invert: bool = False
) -> np.ndarray:
    """One PNG, JPEG, GIF, BMP or WebP file as an array of `shape`, upright, squeezed to fit.

    Args:
        shape: (height, width, channels); 1 channel is grey, 3 are red, green, blue.
        invert: exchange light and dark, for dark ink on light paper where a model expects the
            opposite.

    Returns: float32 of `shape`, 0..255.

    Raises:
        DataError: the file is missing or no image; or `shape` is not that of an image.
    """
    import tensorflow as tf

    if len(shape) != 3 or shape[2] not in (1, 3) or None in shape:
        raise DataError(
            f"Cannot read an image as samples of shape {tuple(shape)}: pass a .npy file."
        )
    image = tf.convert_to_tensor(read_pixels(path))
    if shape[2] == 1:
        image = tf.image.rgb_to_grayscale(image)
    image = tf.image.resize(tf.cast(image, tf.float32), shape[:2], antialias=True)
    return (255.0 - image if invert else image).numpy()


def read_pixels(path: str | os.PathLike[str]) -> np.ndarray:
    """An image file at its own size, upright: uint8 `(height, width, 3)`.

    Raises:
        DataError: the file is missing or no image.
    """
    import tensorflow as tf

    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise DataError(f"Cannot read {str(path)!r}: {error.strerror}.") from error
    try:
        return decode(content).numpy()
    except tf.errors.InvalidArgumentError as error:
        raise DataError(
            f"{str(path)!r} is no PNG, JPEG, GIF, BMP or WebP image, or a WebP that moves."
        ) from error


def decode(content: Any) -> tf.Tensor:
    """The content of an image file as uint8 `(height, width, 3)`, turned as its Exif data says.

    In graphs too. Three channels even of grey ones: to one TensorFlow turns some kinds only.
    """
    import tensorflow as tf

    image = tf.io.decode_image(content, channels=3, expand_animations=False)
    image.set_shape((None, None, 3))
    return exif.upright(image, _orientation(content))


def _orientation(content: Any) -> tf.Tensor:
    """Python is called for JPEG files only, and with no more than the start, where Exif data is."""
    import numpy as np
    import tensorflow as tf

    def of_jpeg(start: Any) -> Any:  # bytes in a graph, an array of them outside
        return np.int64(exif.orientation(start if isinstance(start, bytes) else start.item()))

    start = tf.strings.substr(content, 0, 2**17)
    turned = tf.cond(
        tf.strings.substr(content, 0, 2) == exif.START,
        lambda: tf.numpy_function(of_jpeg, [start], tf.int64, stateful=False),
        lambda: tf.constant(1, tf.int64),
    )
    return tf.reshape(turned, ())


def read_array(path: str | os.PathLike[str]) -> np.ndarray:
    """The array in a .npy file; pickled objects are refused.

    Raises:
        DataError: the file is missing, damaged, or holds objects.
    """
    import numpy as np

    try:
        array = np.load(path, allow_pickle=False)
    except OSError as error:
        raise DataError(f"Cannot read {str(path)!r}: {error.strerror or error}.") from error
    except (ValueError, EOFError) as error:
        raise DataError(f"{str(path)!r} is no plain .npy array: {error}") from error
    if not isinstance(array, np.ndarray):
        raise DataError(f"{str(path)!r} holds several arrays. Save one with np.save.")
    return array
