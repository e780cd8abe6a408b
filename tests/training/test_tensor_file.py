"""Files written array by array are what the safetensors library reads, and writes."""

import os

import ml_dtypes
import numpy as np
import pytest
import safetensors
import safetensors.numpy

from kerazoo.errors import RunError
from kerazoo.training.tensor_file import TensorFile, read_tensor_file


@pytest.mark.parametrize(
    "dtype",
    [
        "float64",
        "float32",
        "float16",
        "int64",
        "int32",
        "int8",
        "uint64",
        "uint32",
        "uint8",
        "bool",
    ],
)
def test_files_are_read_by_the_library(tmp_path, dtype):
    rng = np.random.default_rng(0)
    arrays = {
        "odd": rng.integers(0, 2, (3, 5)).astype(dtype),
        "scalar": np.array(1, dtype),
        "empty": np.zeros((0, 4), dtype),
        "transposed": rng.integers(0, 2, (4, 7)).astype(dtype).T,
        "other": rng.normal(size=7).astype("float32"),
    }
    file = TensorFile()
    file.fill(arrays, {"said": '"naïve"'})
    file.write(tmp_path / "file.safetensors")
    read = safetensors.numpy.load_file(tmp_path / "file.safetensors")
    assert read.keys() == arrays.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(read[name], array)
        assert read[name].dtype == array.dtype
    with safetensors.safe_open(tmp_path / "file.safetensors", "np") as opened:
        assert opened.metadata() == {"said": '"naïve"'}


def test_bfloat16_keeps_its_bits(tmp_path):
    array = np.arange(5).astype(ml_dtypes.bfloat16)
    file = TensorFile()
    file.fill({"a": array}, {})
    file.write(tmp_path / "file.safetensors")
    with safetensors.safe_open(tmp_path / "file.safetensors", "np") as opened:
        assert opened.get_slice("a").get_dtype() == "BF16"
    arrays, _ = read_tensor_file(tmp_path / "file.safetensors")
    np.testing.assert_array_equal(arrays["a"], array)
    assert arrays["a"].dtype == array.dtype


def test_what_safetensors_cannot_hold_is_refused():
    with pytest.raises(RunError, match="'a' cannot be saved: its dtype is complex64"):
        TensorFile().fill({"a": np.zeros(2, "complex64")}, {})


def test_filled_again_it_is_another_file(tmp_path):
    """Larger, then smaller than the memory it has by then."""
    file, path = TensorFile(), tmp_path / "file.safetensors"
    for size in (10, 50_000_000, 3, 5_000):
        array = np.full(size, size % 251, "uint8")
        file.fill({"a": array}, {"size": str(size)})
        array[:] = 0  # what is written is what was there when it was filled
        file.write(path)
        read = safetensors.numpy.load_file(path)["a"]
        assert len(read) == size
        assert (read == size % 251).all()


def test_a_file_system_without_direct_writing_gets_the_same_bytes(tmp_path, monkeypatch):
    def refuse(path, flags, *mode):
        if flags & getattr(os, "O_DIRECT", 0):
            raise OSError(22, "Invalid argument")
        return really(path, flags, *mode)

    file = TensorFile()
    file.fill({"a": np.arange(100_000)}, {})
    file.write(tmp_path / "direct")
    really = os.open
    monkeypatch.setattr(os, "open", refuse)
    file.write(tmp_path / "cached")
    monkeypatch.undo()
    assert (tmp_path / "direct").read_bytes() == (tmp_path / "cached").read_bytes()
