"""BCCD: boxes where the pack's own are, and errors that say what to do."""

import io

import numpy as np
import pytest

import kerazoo
from kerazoo.datasets import source
from kerazoo.errors import DataError

needs_pack = pytest.mark.skipif(source.find_file("bccd.npz") is None, reason="bccd.npz is not here")
COUNTS = {
    "train": (205, 2381, 214, 209),
    "validation": (87, 967, 87, 83),
    "test": (72, 805, 71, 69),
}
"""Of pictures, red cells, white cells and platelets, as the pack's README has them."""


@needs_pack
@pytest.mark.parametrize("split", COUNTS)
def test_counts_are_those_of_the_source(split):
    images, targets = kerazoo.datasets.load_numpy("bccd", split)
    assert images.shape == (len(targets), 240, 320, 3)
    assert (images.dtype, targets.dtype) == (np.uint8, np.float32)
    labels = targets[..., 0]
    assert (len(images), *((labels == kind).sum() for kind in range(3))) == COUNTS[split]
    assert set(np.unique(labels)) <= {-1, 0, 1, 2}


@needs_pack
def test_boxes_are_the_packs_at_half_the_size():
    """One by one, from what the archive has at its first test picture."""
    from PIL import Image

    with np.load(source.find_file("bccd.npz")) as pack:
        row = int(np.flatnonzero(pack["split"] == "test")[0])
        first, end = pack["box_offsets"][row : row + 2]
        boxes, labels = pack["boxes"][first:end], pack["labels"][first:end]
        start, stop = pack["offsets"][row : row + 2]
        picture = Image.open(io.BytesIO(pack["jpeg"][start:stop].tobytes()))
    images, targets = kerazoo.datasets.load_numpy("bccd", "test")
    rows = targets[0][targets[0, :, 0] >= 0]
    np.testing.assert_array_equal(rows[:, 0], labels)
    np.testing.assert_allclose(rows[:, 3:], boxes[:, 2:] * 0.5, rtol=1e-6)
    np.testing.assert_allclose(rows[:, 1:3], np.maximum(boxes[:, :2] - 1, 0) * 0.5, rtol=1e-6)
    small = np.asarray(picture.resize((320, 240), Image.Resampling.BILINEAR), float)
    assert np.abs(images[0] - small).mean() < 2  # another decoder, another resampling
    assert np.all(rows[:, 3:] > rows[:, 1:3])
    assert np.all(targets[..., 1:] <= [320, 240, 320, 240])


def test_without_the_pack_the_error_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAZOO_DATA", str(tmp_path))
    monkeypatch.setenv("KERAZOO_CACHE", str(tmp_path))
    with pytest.raises(DataError, match=r"BCCD is not here. Put bccd.npz into a folder"):
        kerazoo.datasets.info("bccd").read("train")


def test_a_damaged_pack_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAZOO_DATA", str(tmp_path))
    (tmp_path / "bccd.npz").write_bytes(b"PK\x03\x04 nothing")
    with pytest.raises(DataError, match="is damaged or not BCCD"):
        kerazoo.datasets.info("bccd").read("train")
