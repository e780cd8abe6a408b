"""Pickles by any name, and NumPy files that hold them; none of them is ever run."""

import collections
import io
import pickle
import pickletools
import struct
import tarfile
import zipfile

import numpy as np
import pytest

import kerazoo
from kerazoo.errors import DataError
from tests.scan.hostile_files import dangers, keras_file

EVIL = b"cos\nsystem\n(S'id'\ntR."
UNREAD_EVIL = b"I0x10\n0" + EVIL
"""Python's own reader takes the number; pickletools fails at it, and reads no further."""


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


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("count", range(1, 5))
def test_a_program_between_pytorchs_old_pickles_that_cannot_be_read(tmp_path, protocol, count):
    """Only behind all five can what is no pickle be numbers."""
    parts = [pickle.dumps(part, protocol) for part in (0x1950A86A20F9469CFC6C, 1001, {}, {}, [])]
    path = tmp_path / "a.pth"
    path.write_bytes(b"".join(parts) + struct.pack("<qf", 1, 0.5))
    assert kerazoo.verify(path).is_safe
    path.write_bytes(b"".join(parts[:count]) + UNREAD_EVIL)
    assert "behind it what cannot be read as another one" in dangers(path)


@pytest.mark.parametrize("behind", [UNREAD_EVIL, b"no pickle", b"\x00"])
def test_what_cannot_be_read_behind_a_pickle(tmp_path, behind):
    (tmp_path / "a.pkl").write_bytes(pickle.dumps([1]) * 6 + behind)
    assert "behind it what cannot be read as another one" in dangers(tmp_path / "a.pkl")


def test_many_pickles_in_a_row(tmp_path):
    (tmp_path / "a.pkl").write_bytes(pickle.dumps([1]) * 20)
    assert kerazoo.verify(tmp_path / "a.pkl").is_safe
    (tmp_path / "a.pkl").write_bytes(pickle.dumps([1]) * 20 + EVIL)
    assert "it calls for os.system" in dangers(tmp_path / "a.pkl")


def test_a_frame_that_is_longer_than_its_pickle(tmp_path):
    """Python reads on behind the frame; seen from behind the pickle, the program is a text."""
    text_start = b"\x80\x02B" + struct.pack("<I", len(EVIL))
    frame = b"K\x01." + text_start
    program = b"\x80\x04\x95" + struct.pack("<Q", len(frame)) + frame + EVIL + b"."
    assert list(pickletools.genops(program[-len(text_start + EVIL) - 1 :]))
    (tmp_path / "a.pkl").write_bytes(program)
    with pytest.raises(DataError, match="its last frame is longer than the pickle"):
        kerazoo.verify(tmp_path / "a.pkl")
    (tmp_path / "a.pkl").write_bytes(pickle.dumps([1]) + program)
    assert "behind it what cannot be read" in dangers(tmp_path / "a.pkl")


def honest_pytorch_archive(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a/data.pkl", pickle.dumps(collections.OrderedDict(bias=1.0), 2))
        archive.writestr("a/data/0", bytes(8))
    assert kerazoo.verify(path).is_safe
    return path.read_bytes()


def test_a_pickle_in_front_of_a_zip_is_found(tmp_path):
    """Loaders go by how a file starts; a zip file is known by its end."""
    honest = honest_pytorch_archive(tmp_path / "a.pt")
    (tmp_path / "a.pt").write_bytes(EVIL + honest)
    assert zipfile.is_zipfile(tmp_path / "a.pt")
    assert "it calls for os.system" in dangers(tmp_path / "a.pt")
    (tmp_path / "a.pt").write_bytes(pickle.dumps([1]) + honest)
    assert "behind it what cannot be read" in dangers(tmp_path / "a.pt")


def test_an_archive_with_two_tables_of_contents(tmp_path):
    """Python counts back from the end to the second one, PyTorch goes to where the first may be."""
    honest = honest_pytorch_archive(tmp_path / "a.pt")
    with zipfile.ZipFile(tmp_path / "evil.pt", "w") as archive:
        archive.writestr("a/data.pkl", pickle.dumps(Evil(tmp_path / "mark"), 2))
    path = tmp_path / "both.pt"
    path.write_bytes((tmp_path / "evil.pt").read_bytes() + honest)
    report = kerazoo.verify(path)
    assert not report.is_safe
    assert "table of contents is not where it says" in str(report)


def test_a_tar_file_that_is_a_pickle_as_well(tmp_path):
    """PyTorch unpickles the members; seen as a pickle, the whole of it is one text."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        tar.addfile(tarfile.TarInfo("12345678"))
        info = tarfile.TarInfo("pickle")
        info.size = len(EVIL)
        tar.addfile(info, io.BytesIO(EVIL))
    both = bytearray(content.getvalue())
    both[:8] = b"T" + struct.pack("<I", len(both) - 5) + bytes(3)
    both[148:156] = b" " * 8
    both[148:156] = b"%06o\0 " % sum(both[:512])  # the header's checksum
    assert list(pickletools.genops(bytes(both) + b"."))
    (tmp_path / "a.pt").write_bytes(both + b".")
    assert "a .tar file, PyTorch's oldest form" in dangers(tmp_path / "a.pt")


def test_pytorchs_names_in_capitals(tmp_path):
    """PyTorch's reader of archives takes a/DATA.PKL for a/data.pkl."""
    with zipfile.ZipFile(tmp_path / "a.pt", "w") as archive:
        archive.writestr("a/other.pkl", pickle.dumps([1]))
        archive.writestr("a/DATA.PKL", EVIL)
    assert "a.pt: a/DATA.PKL: a pickle, which is a program" in dangers(tmp_path / "a.pt")


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


def array_bytes(array):
    content = io.BytesIO()
    np.save(content, array)
    return content.getvalue()


def test_members_are_arrays_by_their_content(tmp_path):
    """NumPy looks at how a member starts, whatever its name."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("bad", array_bytes(np.array([{"a": 1}], object)))
        archive.writestr("words.txt", "a b c")
    (tmp_path / "a.npz").write_bytes(content.getvalue())
    assert "a.npz: bad: holds Python objects as a pickle" in dangers(tmp_path / "a.npz")
    report = kerazoo.verify(tmp_path / "a.npz")
    assert "words.txt: is no array; NumPy gives it out as bytes" in str(report)
    path = keras_file(tmp_path / "m.keras", model__weights__npz=content.getvalue())
    assert "m.keras: model.weights.npz: bad: holds Python objects" in dangers(path)


def test_what_stands_in_front_of_a_zip_is_what_numpy_reads(tmp_path):
    np.savez(tmp_path / "a.npz", good=np.ones(3))
    honest = (tmp_path / "a.npz").read_bytes()
    objects = array_bytes(np.array([{"a": 1}], object))
    for name in ("a.npz", "a.npy"):
        (tmp_path / name).write_bytes(objects + honest)
        assert "holds Python objects as a pickle" in dangers(tmp_path / name)
        (tmp_path / name).write_bytes(array_bytes(np.ones(3)) + honest)
        assert "declares 24 bytes of numbers and holds" in dangers(tmp_path / name)
        (tmp_path / name).write_bytes(EVIL + honest)
        with pytest.raises(DataError, match="holds a damaged array"):
            kerazoo.verify(tmp_path / name)


def test_an_archive_of_no_arrays(tmp_path):
    np.savez(tmp_path / "a.npz")
    assert kerazoo.verify(tmp_path / "a.npz").findings == ()


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
