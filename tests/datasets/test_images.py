"""Reading pictures, against pictures made by TensorFlow's encoders."""

import numpy as np
import pytest
import tensorflow as tf

from kerazoo.datasets.images import read_image, read_pixels
from kerazoo.errors import DataError

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_png_of_the_right_size_is_read_exactly(tmp_path, channels):
    pixels = RNG.integers(0, 256, (5, 7, channels), dtype=np.uint8)
    (tmp_path / "x.png").write_bytes(tf.io.encode_png(pixels).numpy())
    image = read_image(tmp_path / "x.png", (5, 7, channels))
    np.testing.assert_allclose(image, pixels, atol=1e-3 if channels == 3 else 1)
    inverted = read_image(tmp_path / "x.png", (5, 7, channels), invert=True)
    np.testing.assert_allclose(inverted, 255 - image, atol=1e-3)


def test_colours_become_grey_by_their_brightness(tmp_path):
    red = np.zeros((4, 4, 3), np.uint8)
    red[..., 0] = 255
    (tmp_path / "red.png").write_bytes(tf.io.encode_png(red).numpy())
    image = read_image(tmp_path / "red.png", (4, 4, 1))
    np.testing.assert_allclose(image, 0.299 * 255, atol=1)  # ITU-R BT.601


def test_a_larger_picture_is_averaged_down(tmp_path):
    pixels = np.zeros((40, 40, 1), np.uint8)
    pixels[:20] = 200
    (tmp_path / "x.jpg").write_bytes(tf.io.encode_jpeg(pixels, quality=100).numpy())
    image = read_image(tmp_path / "x.jpg", (4, 4, 1))
    assert image.shape == (4, 4, 1)
    np.testing.assert_allclose(image[0], 200, atol=3)
    np.testing.assert_allclose(image[3], 0, atol=3)


def test_webp_is_read_as_pillow_reads_it(tmp_path):
    images = pytest.importorskip("PIL.Image")
    pixels = RNG.integers(0, 256, (5, 7, 3), dtype=np.uint8)
    images.fromarray(pixels).save(tmp_path / "x.webp", lossless=True)
    np.testing.assert_array_equal(read_pixels(tmp_path / "x.webp"), pixels)
    moving = [images.fromarray(pixels + number) for number in range(2)]
    moving[0].save(tmp_path / "moves.webp", save_all=True, append_images=moving[1:], lossless=True)
    with pytest.raises(DataError, match="or a WebP that moves"):
        read_pixels(tmp_path / "moves.webp")


def test_what_is_no_picture_is_one_line(tmp_path):
    (tmp_path / "text.png").write_text("no picture")
    whole = tf.io.encode_png(np.zeros((8, 8, 1), np.uint8)).numpy()
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) // 2])
    for name, says in {
        "text.png": "is no PNG, JPEG, GIF, BMP or WebP image",
        "cut.png": "is no PNG, JPEG, GIF, BMP or WebP image",
        "missing.png": "Cannot read",
    }.items():
        with pytest.raises(DataError, match=says):
            read_image(tmp_path / name, (8, 8, 1))
    with pytest.raises(DataError, match=r"pass a \.npy file"):
        read_image(tmp_path / "cut.png", (10,))
