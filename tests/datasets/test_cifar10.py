"""CIFAR-10 from a pack of JPEG files and from Keras's own arrays."""

import io

import numpy as np
import pytest

import kerazoo
from kerazoo.datasets import loading
from kerazoo.errors import DataError

Image = pytest.importorskip("PIL.Image")


@pytest.fixture(autouse=True)
def data_folder(monkeypatch, tmp_path):
    """An empty folder of data, an empty cache; nothing read before."""
    monkeypatch.setenv("KERAZOO_DATA", str(tmp_path))
    monkeypatch.setenv("KERAZOO_CACHE", str(tmp_path / "cache"))
    loading._read_once.cache_clear()
    yield tmp_path
    loading._read_once.cache_clear()


def pictures(count, side=32, seed=0):
    """Smooth colour pictures, as JPEG is made for."""
    coarse = np.random.default_rng(seed).integers(0, 256, (count, 4, 4, 3), dtype=np.uint8)
    return [Image.fromarray(image).resize((side, side)) for image in coarse]


def as_jpeg(picture):
    content = io.BytesIO()
    picture.save(content, format="JPEG", quality=75)
    return content.getvalue()


def pack(train, test, **changes):
    """The layout of the data pack: files end to end, one offset more than there are files."""
    arrays = {"class_names": np.array(["airplane", "truck"])}
    for split, files in (("train", train), ("test", test)):
        arrays[f"{split}_jpeg"] = np.frombuffer(b"".join(files), np.uint8)
        arrays[f"{split}_offsets"] = np.cumsum([0, *map(len, files)])
        arrays[f"{split}_labels"] = np.arange(len(files), dtype=np.uint8) % 10
    return {**arrays, **changes}


def test_a_pack_of_jpegs_holds_what_pillow_reads(data_folder):
    train, test = ([as_jpeg(p) for p in pictures(n, seed=n)] for n in (5, 3))
    np.savez(data_folder / "cifar10.npz", **pack(train, test))
    for split, files in (("train", train), ("test", test)):
        images, labels = kerazoo.datasets.load_numpy("cifar10", split)
        assert images.dtype == np.uint8
        assert labels.tolist() == list(range(len(files)))
        expected = np.stack([np.asarray(Image.open(io.BytesIO(file))) for file in files])
        np.testing.assert_array_equal(images, expected)


def test_the_arrays_of_keras_are_read_as_they_are(data_folder):
    images = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), dtype=np.uint8)
    labels = np.array([[3], [9], [0], [5]], np.uint8)  # keras.datasets.cifar10 gives columns
    np.savez(
        data_folder / "cifar10.npz", x_train=images, y_train=labels, x_test=images, y_test=labels
    )
    ours = kerazoo.datasets.load_numpy("cifar10", "test")
    np.testing.assert_array_equal(ours[0], images)
    assert ours[1].tolist() == [3, 9, 0, 5]


@pytest.mark.parametrize(
    "changes",
    [
        {"test_jpeg": np.zeros(90, np.uint8)},
        {"test_offsets": np.array([0, 5, 9, 12])},
        {"test_labels": np.array(list("abc"))},
    ],
    ids=["no pictures", "cut wrongly", "letters"],
)
def test_a_damaged_pack_is_one_clear_line(data_folder, changes):
    files = [as_jpeg(p) for p in pictures(3)]
    np.savez(data_folder / "cifar10.npz", **pack(files, files, **changes))
    with pytest.raises(DataError, match="damaged or not CIFAR-10") as error:
        kerazoo.datasets.load_numpy("cifar10", "test")
    assert "\n" not in str(error.value)


def test_pictures_of_another_size_are_refused(data_folder):
    files = [as_jpeg(p) for p in pictures(2, side=16)]
    np.savez(data_folder / "cifar10.npz", **pack(files, files))
    with pytest.raises(DataError, match="cifar10"):
        kerazoo.datasets.load_numpy("cifar10")


def test_without_the_file_the_message_says_how_to_get_it():
    with pytest.raises(DataError, match="KERAZOO_DATA.*keras.datasets.cifar10.load_data"):
        kerazoo.datasets.load_numpy("cifar10")


def test_the_names_are_the_official_ones():
    names = kerazoo.datasets.info("cifar10").class_names
    assert ", ".join(names) == (
        "airplane, automobile, bird, cat, deer, dog, frog, horse, ship, truck"
    )
