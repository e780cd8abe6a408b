"""HDF5 files that lead out of themselves or declare more than they hold, alone and in .keras."""

import struct

import h5py
import ml_dtypes
import numpy as np
import pytest

import kerazoo
from kerazoo.errors import ConversionError, DataError
from kerazoo.foreign import hdf5
from tests.scan.hostile_files import DENSE, dangers, h5_model, keras_file, model, weights_h5


def external_link(file):
    file["evil"] = h5py.ExternalLink("/etc/secret.h5", "/values")


def soft_link(file):
    file["evil"] = h5py.SoftLink("/layers")


def circle(file):
    file["layers/evil"] = file["layers"]


def external_values(file):
    file.create_dataset("evil", (4, 2), "float32", external=[("/etc/passwd", 0, 32)])


def virtual(file):
    layout = h5py.VirtualLayout((4, 2), "float32")
    layout[:] = h5py.VirtualSource("/etc/secret.h5", "values", (4, 2))
    file.create_virtual_dataset("evil", layout)


def bomb(file):
    file.create_dataset("evil", (1 << 20, 1 << 20), "float32", chunks=(64, 64))


HOSTILE = {
    external_link: "/evil is an HDF5 ExternalLink",
    soft_link: "/evil is an HDF5 SoftLink",
    circle: "/layers/evil is a group that leads in circles",
    external_values: "keeps its values in another file (/etc/passwd)",
    virtual: "is a virtual dataset",
    bomb: "declares 4,398,046,511,104 bytes and stores 0",
}


@pytest.mark.parametrize("change", HOSTILE, ids=lambda change: change.__name__)
def test_a_weights_file(tmp_path, change):
    """CVE-2026-1669, CVE-2026-12570."""
    path = tmp_path / "model.weights.h5"
    path.write_bytes(weights_h5(change))
    assert HOSTILE[change] in dangers(path)


@pytest.mark.parametrize("change", HOSTILE, ids=lambda change: change.__name__)
def test_the_weights_of_a_keras_file(tmp_path, change):
    found = dangers(keras_file(tmp_path / "m.keras", weights=weights_h5(change)))
    assert found.startswith("m.keras: model.weights.h5: ")
    assert HOSTILE[change] in found


def test_all_dangers_are_told(tmp_path):
    def change(file):
        for number, one in enumerate((external_link, soft_link, bomb)):
            one(group := file.create_group(f"part{number}"))
            assert group

    path = tmp_path / "m.h5"
    path.write_bytes(weights_h5(change))
    assert len(dangers(path).splitlines()) == 3


def test_an_honest_file_of_compressed_zeros(tmp_path):
    path = tmp_path / "m.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("zeros", data=np.zeros((512, 512)), compression="gzip")
    assert kerazoo.verify(path).findings == ()


@pytest.mark.parametrize("content", [b"", b"no HDF5", weights_h5()[:700]])
def test_damage(tmp_path, content):
    path = tmp_path / "m.h5"
    path.write_bytes(content)
    with pytest.raises(DataError, match="no HDF5 file, or damaged"):
        kerazoo.verify(path)
    found = dangers(keras_file(tmp_path / "m.keras", weights=content))
    assert "m.keras: model.weights.h5: cannot be read, so it is not checked" in found


def test_many_arrays_that_are_not_there(tmp_path):
    """Each of them may be declared without being stored; all of them may not."""
    path = tmp_path / "m.weights.h5"
    with h5py.File(path, "w") as file:
        for number in range(300):
            file.create_dataset(f"{number}", (8192, 8191), "float32")
    assert path.stat().st_size < 1 << 20
    assert dangers(path) == (
        "m.weights.h5: in all declares 80,520,806,400 bytes and stores 0: refused."
    )


def test_one_array_by_many_names(tmp_path):
    path = tmp_path / "m.weights.h5"
    with h5py.File(path, "w") as file:
        file["0"] = np.ones((1 << 18,), "float32")
        for number in range(1, 300):
            file[f"{number}"] = file["0"]
    assert "in all declares 314,572,800 bytes and stores 1,048,576" in dangers(path)


def test_very_many_groups(tmp_path, monkeypatch):
    monkeypatch.setattr(hdf5, "MOST_OBJECTS", 20)
    path = tmp_path / "m.weights.h5"
    path.write_bytes(weights_h5(lambda file: [file.create_group(f"{i}") for i in range(20)]))
    assert "holds more than 20 objects" in dangers(path)


@pytest.mark.parametrize(
    ("number", "size"),
    [(0, 0), (1, 2**64 - 1), (1, 2**64 - 16), (1, 2**64 - 24), (2, 5000), (0, 4096)],
)
def test_a_heap_of_texts_that_leads_nowhere(tmp_path, number, size):
    """HDF5 1.14.6 goes in circles in some of these, and so would Keras: Python cannot stop it."""
    path = h5_model(tmp_path / "old.h5", model(DENSE))
    assert kerazoo.verify(path).is_safe
    content = bytearray(path.read_bytes())
    struct.pack_into("<HHIQ", content, content.index(b"GCOL") + 16, number, 1, 0, size)
    path.write_bytes(content)
    with pytest.raises(DataError, match="old.h5 is .* damaged: the heap of texts at byte"):
        kerazoo.verify(path)
    with pytest.raises(ConversionError, match="is damaged: the heap of texts"):
        kerazoo.convert.from_keras2(path)


def test_numbers_that_look_like_a_heap(tmp_path):
    path = tmp_path / "m.weights.h5"
    for numbers in (b"GCOL" * 8, b"GCOL\x01\x00\x00\x00" * 4, b"GCOL\x01"):
        path.write_bytes(weights_h5(lambda file, numbers=numbers: put(file, numbers)))
        assert kerazoo.verify(path).findings == ()


def test_heaps_in_each_other(tmp_path):
    """Each of a million would be gone through to the end."""
    records = 1 << 15
    ends = (32 * np.arange(records, 0, -1) - 16).astype("<u8")
    parts = [struct.pack("<H6xQ", 1, 16) + b"GCOL\x01\0\0\0" + end.tobytes() for end in ends]
    path = tmp_path / "m.weights.h5"
    path.write_bytes(weights_h5(lambda file: put(file, b"".join(parts))))
    with pytest.raises(DataError, match="the heaps of texts overlap"):
        kerazoo.verify(path)


def put(file, numbers):
    file["bytes"] = np.frombuffer(numbers, "uint8")


def bfloat16(file):
    """As Keras 3.15 saves it (`H5IOStore.__setitem__`)."""
    values = file.create_dataset("half", data=np.ones((4, 2), ml_dtypes.bfloat16))
    values.attrs["dtype"] = "bfloat16"


def test_bfloat16(tmp_path):
    path = tmp_path / "m.weights.h5"
    path.write_bytes(weights_h5(bfloat16))
    assert kerazoo.verify(path).findings == ()
    assert kerazoo.verify(keras_file(tmp_path / "m.keras", weights=weights_h5(bfloat16))).is_safe


@pytest.mark.parametrize("dtype", ["V2", "V16", [("a", "u1"), ("b", "u1")]])
def test_what_is_no_number(tmp_path, dtype):
    path = tmp_path / "m.h5"
    for attribute in (None, "bfloat16", ["bfloat16"] * 2):
        with h5py.File(path, "w") as file:
            values = file.create_dataset("a", data=np.zeros(3, dtype))
            if attribute:
                values.attrs["dtype"] = attribute
        if (dtype, attribute) == ("V2", "bfloat16"):
            continue
        assert "which is no number" in dangers(path)
