"""Which way up a JPEG file is shown: cameras store what the sensor saw, and say how to turn it.

Source: CIPA DC-008 (Exif 2.32), 4.5.4 "APP1" and 4.6.4 A, the tag Orientation; TIFF 6.0, section 2.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import tensorflow as tf

START = b"\xff\xd8"
"""Of every JPEG file."""
_APP1, _SCAN = 0xE1, 0xDA
_HEADER = b"Exif\0\0"
_ORIENTATION, _SHORT = 0x0112, 3


def orientation(content: bytes) -> int:
    """1 to 8, as Exif counts them; 1, as it is, for any file that does not say or is damaged."""
    try:
        exif = _exif(content)
        return 1 if exif is None else _in_tiff(exif)
    except struct.error:  # it ends too early
        return 1


def upright(image: tf.Tensor, orientation: Any) -> tf.Tensor:
    """`(height, width, channels)` turned and mirrored as `orientation`, 1 to 8, says.

    From 5 on rows are columns; 2, 3, 6 and 7 are then mirrored left to right, and 3, 4, 7 and 8
    top to bottom. `orientation` may be a tensor.
    """
    import tensorflow as tf

    orientation = tf.convert_to_tensor(orientation)
    image = tf.cond(orientation >= 5, lambda: tf.transpose(image, (1, 0, 2)), lambda: image)
    across = tf.constant([1, 1, -1, -1, 1, 1, -1, -1, 1])[orientation]
    down = tf.constant([1, 1, 1, -1, -1, 1, 1, -1, -1])[orientation]
    turned = image[::down, ::across]
    turned.set_shape((None, None, image.shape[-1]))  # which a graph has lost
    return turned


def _exif(content: bytes) -> bytes | None:
    """What stands in the file's Exif segment: a small TIFF file. None if there is none."""
    if not content.startswith(START):
        return None
    place = len(START)
    while True:
        marker, length = struct.unpack_from(">HH", content, place)
        if marker >> 8 != 0xFF or marker & 0xFF == _SCAN or length < 2:
            return None
        body = content[place + 4 : place + 2 + length]
        if marker & 0xFF == _APP1 and body.startswith(_HEADER):
            return body[len(_HEADER) :]
        place += 2 + length


def _in_tiff(tiff: bytes) -> int:
    """The tag Orientation of its first folder of tags, of 12 bytes each."""
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None:
        return 1
    (folder,) = struct.unpack_from(order + "I", tiff, 4)
    (tags,) = struct.unpack_from(order + "H", tiff, folder)
    for number in range(tags):
        tag, kind, _, value = struct.unpack_from(order + "HHIH", tiff, folder + 2 + 12 * number)
        if tag == _ORIENTATION:
            return value if kind == _SHORT and 1 <= value <= 8 else 1
    return 1
