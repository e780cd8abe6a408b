"""Pickles by any name, and NumPy files that hold them; none of them is ever run."""

import collections
import io
import pickle
import pickletools
import struct
import zipfile

import numpy as np
import pytest

import kerazoo
from kerazoo.errors import DataError
from tests.scan.hostile_files import dangers


class Evil:
    """What an attacker would put in: unpickled, it makes a file."""

    def __init__(self, mark):
        self.mark = str(mark)

    def __reduce__(self):
        return open, (self.mark, "w")


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("name", ["a.pkl", "a.pickle", "a.pt", "a.pth", "a.joblib", "a"])
def test_a_pickle_that_calls(tmp_path, protocol, name):
    if name == "a" and protocol < 2:
        return  # such pickles start in no way of their own
    path = tmp_path / name
    path.write_bytes(pickle.dumps({"weights": Evil(tmp_path / "mark")}, protocol))
    found = dangers(path)
    assert "it calls for io.open" in found
    assert not (tmp_path / "mark").exists()


@pytest.mark.parametrize(
    "program",
    [
        b"\x80\x04\x8c\x02os\x94\x8c\x06system\x94h\x00h\x01\x93.",  # names out of the memo
        b"cos\nsystem\n.",
        b"(S'ls'\nios\nsystem\n.",
        b"\x80\x04\x8c\x02os\x8c\x06system\x93.",
        b"Vos\np0\nVsystem\np1\ng0\ng1\n\x93.",
    ],
)
def test_hand_made_programs(tmp_path, program):
    assert list(pickletools.genops(program))
    (tmp_path / "a.pkl").write_bytes(program)
    assert "it calls for os.system" in dangers(tmp_path / "a.pkl")


@pytest.mark.parametrize("program", [b"\x80\x02\x82\x01.", b"\x80\x04)\x8c\x01a\x85\x93."])
def test_names_that_cannot_be_told(tmp_path, program):
    (tmp_path / "a.pkl").write_bytes(program)
    assert "a name that it makes up while it runs" in dangers(tmp_path / "a.pkl")


def legacy_pytorch(evil=None):
    """What `torch.save` wrote before 1.6: five pickles, then numbers."""
    tensors = collections.OrderedDict(bias=evil or 1.0)
    parts = (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}, tensors, ["0"])
    numbers = struct.pack("<q2f", 2, 0.5, 1.5)
    return b"".join(pickle.dumps(part, 2) for part in parts) + numbers


def test_pytorchs_old_files(tmp_path):
    path = tmp_path / "a.pth"
    path.write_bytes(legacy_pytorch())
    report = kerazoo.verify(path)
    assert report.is_safe
    assert "asks for nothing but tensors" in report.findings[0].what
    path.write_bytes(legacy_pytorch(Evil(tmp_path / "mark")))
    assert "it calls for io.open" in dangers(path)


def test_pytorchs_archives(tmp_path):
    path = tmp_path / "a.pt"
    for evil in (None, Evil(tmp_path / "mark")):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("a/data.pkl", pickle.dumps(collections.OrderedDict(bias=evil), 2))
            archive.writestr("a/data/0", bytes(8))
        if evil:
            assert "a.pt: a/data.pkl: a pickle, which is a program" in dangers(path)
        else:
            assert kerazoo.verify(path).is_safe
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("a/code/__torch__.py", "")
    assert "a TorchScript program" in dangers(path)


def test_a_files_own_name_does_not_hide_a_pickle(tmp_path):
    for name in ("a.npy", "a.npz"):
        (tmp_path / name).write_bytes(pickle.dumps(Evil(tmp_path / "mark")))
        assert "is a pickle" in dangers(tmp_path / name)


def test_arrays_of_objects(tmp_path):
    array = np.array([{"a": 1}], object)
    np.save(tmp_path / "a.npy", array)
    np.savez(tmp_path / "a.npz", good=np.ones(3), bad=array)
    assert "holds Python objects as a pickle" in dangers(tmp_path / "a.npy")
    assert "a.npz: bad.npy: holds Python objects" in dangers(tmp_path / "a.npz")


@pytest.mark.parametrize("array", [np.ones((3, 4)), np.zeros(0), np.float16(1), np.array("é")])
def test_honest_arrays(tmp_path, array):
    np.save(tmp_path / "a.npy", array)
    np.savez_compressed(tmp_path / "a.npz", a=array, b=array)
    assert kerazoo.verify(tmp_path / "a.npy").findings == ()
    assert kerazoo.verify(tmp_path / "a.npz").findings == ()


def test_shapes_beyond_the_file(tmp_path):
    content = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        content, {"descr": "<f4", "fortran_order": False, "shape": (1 << 40,)}
    )
    (tmp_path / "a.npy").write_bytes(content.getvalue())
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("a.npy", content.getvalue())
    for name in ("a.npy", "a.npz"):
        assert "declares 4,398,046,511,104 bytes of numbers" in dangers(tmp_path / name)


@pytest.mark.parametrize(
    "content",
    [b"", b"\x93NUMPY", b"\x93NUMPY\x01\x00\x05\x00{((((", b"\x93NUMPY\x07\x00\xff\xff\xff\xff{"],
)
def test_damaged_arrays(tmp_path, content):
    (tmp_path / "a.npy").write_bytes(content)
    with pytest.raises(DataError, match="holds a damaged array"):
        kerazoo.verify(tmp_path / "a.npy")


@pytest.mark.parametrize("content", [b"", b"\xff\xff", b"\x80\x04\x8c\xff"])
def test_damaged_pickles(tmp_path, content):
    (tmp_path / "a.pkl").write_bytes(content)
    with pytest.raises(DataError, match="damaged or no pickle"):
        kerazoo.verify(tmp_path / "a.pkl")
