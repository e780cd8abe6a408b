"""Which way up photographs are, against Pillow."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kerazoo.datasets.exif import orientation
from kerazoo.datasets.images import read_image, read_pixels

Image = pytest.importorskip("PIL.Image")
ImageOps = pytest.importorskip("PIL.ImageOps")

PIXELS = np.random.default_rng(0).integers(0, 256, (3, 5, 3), dtype=np.uint8).repeat(8, 0)
PIXELS = PIXELS.repeat(8, 1)  # blocks, as JPEG keeps them


def jpeg(turned, **arguments):
    exif = Image.Exif()
    exif[0x010F] = "a maker"  # a tag before it
    exif[0x0112] = turned
    file = io.BytesIO()
    arguments = {"quality": 100, "subsampling": 0, "exif": exif.tobytes(), **arguments}
    Image.fromarray(PIXELS).save(file, "JPEG", **arguments)
    return file.getvalue()


@pytest.mark.parametrize("turned", range(1, 9))
def test_photographs_are_turned_as_pillow_turns_them(turned, tmp_path):
    path = tmp_path / "photo.jpg"
    path.write_bytes(jpeg(turned))
    assert orientation(path.read_bytes()) == turned
    expected = np.asarray(ImageOps.exif_transpose(Image.open(path)))
    pixels = read_pixels(path)
    assert pixels.shape == expected.shape == ((24, 40, 3) if turned < 5 else (40, 24, 3))
    np.testing.assert_allclose(pixels.astype(int), expected.astype(int), atol=3)
    np.testing.assert_allclose(read_image(path, expected.shape), pixels, atol=1e-3)


def test_both_orders_of_bytes_are_read():
    content = jpeg(6)
    (start,) = [n for n in range(len(content)) if content[n : n + 6] == b"Exif\0\0"]
    for order, mark in (("<", b"II*\0"), (">", b"MM\0*")):
        byteorder = "little" if order == "<" else "big"
        tag = b"".join(
            number.to_bytes(size, byteorder)
            for number, size in ((8, 4), (1, 2), (0x112, 2), (3, 2), (1, 4), (7, 2), (0, 2), (0, 4))
        )
        body = b"Exif\0\0" + mark + tag
        segment = b"\xff\xe1" + (len(body) + 2).to_bytes(2, "big") + body
        changed = content[:2] + segment + content[2:]  # the first of two is read
        assert orientation(changed) == 7
    assert start > 0


def test_what_does_not_say_is_as_it_is(tmp_path):
    for name, content in {
        "nothing": b"",
        "png": b"\x89PNG\r\n\x1a\n",
        "no exif": jpeg(1, exif=b""),
        "out of range": jpeg(9),
        "no number": jpeg(6).replace(b"\x01\x12\x00\x03", b"\x01\x12\x00\x02"),
        "cut in the header": jpeg(6)[:30],
    }.items():
        assert orientation(content) == 1, name


@given(st.integers(0, 80), st.integers(0, 255), st.integers(0, 120))
def test_damaged_files_never_fail(place, byte, length):
    content = bytearray(jpeg(6))
    content[place] = byte
    assert orientation(bytes(content)) in range(1, 9)
    assert orientation(bytes(content[:length])) in range(1, 9)
    assert orientation(b"\xff\xd8\xff\xe1" + bytes(content[place:])) in range(1, 9)
