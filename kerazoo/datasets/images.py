"""Picture files as the arrays that models take."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from kerazoo.errors import DataError

if TYPE_CHECKING:
    import numpy as np


def read_image(
    path: str | os.PathLike[str], shape: Sequence[int], *, invert: bool = False
) -> np.ndarray:
    """One PNG, JPEG, GIF or BMP file as an array of `shape`, squeezed to fit.

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
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise DataError(f"Cannot read {str(path)!r}: {error.strerror}.") from error
    try:
        image = tf.io.decode_image(content, channels=3, expand_animations=False)
    except tf.errors.InvalidArgumentError as error:
        raise DataError(f"{str(path)!r} is no PNG, JPEG, GIF or BMP image.") from error
    if shape[2] == 1:
        image = tf.image.rgb_to_grayscale(image)
    image = tf.image.resize(tf.cast(image, tf.float32), shape[:2], antialias=True)
    return (255.0 - image if invert else image).numpy()


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
