"""Hostile archives: refused in one line, and nothing of them is written outside of their folder."""

import gzip
import io
import tarfile
import zipfile

import pytest

from kerazoo.errors import HubError
from kerazoo.foreign import archive
from kerazoo.foreign.archive import unpack_tar, unpack_zip
from kerazoo.hub import HubLayer


def tar_of(path, *members, mode="w:gz"):
    """Members are names with contents, or `TarInfo`s."""
    with tarfile.open(path, mode) as tar:
        for member in members:
            info = member if isinstance(member, tarfile.TarInfo) else tarfile.TarInfo(member[0])
            content = b"" if isinstance(member, tarfile.TarInfo) else member[1]
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


def special(name, kind, link=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


HOSTILE = {
    "traversal": [("../evil", b"x")],
    "inner traversal": [("assets/../../evil", b"x")],
    "absolute": [("/tmp/kerazoo_evil", b"x")],
    "backslashes": [("..\\evil", b"x")],
    "drive": [("C:evil", b"x")],
    "symbolic link": [special("a", tarfile.SYMTYPE, "/etc"), ("a/evil", b"x")],
    "link to a file": [special("saved_model.pb", tarfile.SYMTYPE, "/etc/passwd")],
    "hard link": [special("a", tarfile.LNKTYPE, "/etc/passwd")],
    "device": [special("a", tarfile.CHRTYPE)],
    "block device": [special("a", tarfile.BLKTYPE)],
    "pipe": [special("a", tarfile.FIFOTYPE)],
    "twice": [("a", b"x"), ("a", b"y")],
    "file as a folder": [("a", b"x"), ("a/b", b"y")],
    "file as a folder of folders": [("a", b"x"), ("a/b/c", b"y")],
    "file and folder": [("a", b"x"), special("a", tarfile.DIRTYPE)],
    "folder and file": [special("a", tarfile.DIRTYPE), ("a", b"x")],
}


@pytest.mark.parametrize("kind", HOSTILE)
@pytest.mark.parametrize("mode", ["w:gz", "w"])
def test_hostile_members_are_refused(kind, mode, tmp_path):
    path = tar_of(tmp_path / "model.tar.gz", *HOSTILE[kind], mode=mode)
    folder = tmp_path / "inside" / "folder"
    folder.mkdir(parents=True)
    before = set(tmp_path.rglob("*"))
    with pytest.raises(HubError, match="model.tar.gz holds .*: refused, nothing") as error:
        unpack_tar(path, folder)
    assert "\n" not in str(error.value)
    new = set(tmp_path.rglob("*")) - before
    assert all(folder in file.parents for file in new)


def test_a_layer_keeps_nothing_of_a_refused_archive(tmp_path, tensorflow_backend):
    path = tar_of(tmp_path / "model.tar.gz", ("saved_model.pb", b"x"), *HOSTILE["hard link"])
    with pytest.raises(HubError, match="hard link to '/etc/passwd'"):
        HubLayer(path)
    assert not [file for file in (tmp_path / "cache").rglob("*") if file.suffix != ".lock"][1:]


def test_a_bomb_is_stopped_while_it_unpacks(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "FREE_BYTES", 1 << 20)
    path = tar_of(tmp_path / "bomb.tar.gz", ("variables/data", bytes(64 << 20)))
    assert path.stat().st_size < 1 << 20
    with pytest.raises(HubError, match="bytes and unpacks to more than .*: refused"):
        unpack_tar(path, tmp_path)
    assert (tmp_path / "variables" / "data").stat().st_size <= 4 << 20


def test_headers_count_as_well(tmp_path, monkeypatch):
    """A header of 64 MB would be read into the memory by Python's own reader."""
    monkeypatch.setattr(archive, "FREE_BYTES", 1 << 20)
    info = tarfile.TarInfo("a")
    info.pax_headers = {"comment": "x" * (64 << 20)}
    with tarfile.open(tmp_path / "bomb.tar.gz", "w:gz", format=tarfile.PAX_FORMAT) as tar:
        tar.addfile(info)
    with pytest.raises(HubError, match="unpacks to more than"):
        unpack_tar(tmp_path / "bomb.tar.gz", tmp_path)


def test_a_file_of_holes_is_refused(tmp_path):
    """A sparse member has any size, for a few bytes."""
    info = tarfile.TarInfo("a")
    info.pax_headers = {
        "GNU.sparse.major": "0",
        "GNU.sparse.minor": "1",
        "GNU.sparse.size": str(1 << 20),
        "GNU.sparse.map": f"{(1 << 20) - 1},1",
    }
    with tarfile.open(tmp_path / "holes.tar.gz", "w:gz", format=tarfile.PAX_FORMAT) as tar:
        info.size = 1
        tar.addfile(info, io.BytesIO(b"x"))
    with pytest.raises(HubError, match="a file with holes"):
        unpack_tar(tmp_path / "holes.tar.gz", tmp_path)


def test_too_many_files_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "MOST_FILES", 10)
    path = tar_of(tmp_path / "model.tar.gz", *[(f"assets/{i}", b"") for i in range(11)])
    with pytest.raises(HubError, match="more than 10 files"):
        unpack_tar(path, tmp_path)


@pytest.mark.parametrize("content", [b"", b"no archive", b"\x1f\x8b\x08\x00 broken off"])
def test_damaged_archives_are_refused_in_one_line(content, tmp_path):
    path = tmp_path / "model.tar.gz"
    path.write_bytes(content)
    with pytest.raises(HubError, match="damaged or no .tar.gz file"):
        unpack_tar(path, tmp_path)


def test_a_truncated_archive_is_refused(tmp_path):
    path = tar_of(tmp_path / "model.tar.gz", ("variables/data", bytes(range(256)) * 1000))
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(HubError, match="damaged"):
        unpack_tar(path, tmp_path)


def test_honest_archives_come_out_whole(tmp_path):
    content = bytes(range(256)) * 100
    path = tar_of(tmp_path / "model.tgz", ("./a/b", content), ("c", b""))
    (tmp_path / "out").mkdir()
    unpack_tar(path, tmp_path / "out")
    assert (tmp_path / "out" / "a" / "b").read_bytes() == content
    assert (tmp_path / "out" / "c").read_bytes() == b""
    plain = gzip.decompress(path.read_bytes())
    assert plain.startswith(b"./a/b")


def zip_of(path, *members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content, attributes in members:
            info = zipfile.ZipInfo(name)
            info.external_attr, info.compress_type = attributes, zipfile.ZIP_DEFLATED
            file.writestr(info, content)
    return zipfile.ZipFile(path)


@pytest.mark.parametrize(
    ("name", "attributes", "words"),
    [
        ("assets/../../evil", 0, "a path that leads elsewhere"),
        ("assets//etc/evil", 0, "a path that leads elsewhere"),
        ("assets/link", 0o120777 << 16, "a link or device"),
        ("assets/pipe", 0o010644 << 16, "a link or device"),
    ],
)
def test_hostile_members_of_zip_files_are_refused(name, attributes, words, tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    with (
        zip_of(tmp_path / "model.keras", (name, b"/etc/passwd", attributes)) as file,
        pytest.raises(HubError, match=words),
    ):
        unpack_zip(file, "assets/", folder)
    assert not list(folder.rglob("*"))


@pytest.mark.parametrize("second", ["assets/a/b", "assets/a/b/c", "assets/a/"])
def test_a_file_and_a_folder_of_one_name_in_a_zip_file_are_refused(second, tmp_path):
    (tmp_path / "folder").mkdir()
    with (
        zip_of(tmp_path / "model.keras", ("assets/a", b"x", 0), (second, b"", 0)) as file,
        pytest.raises(HubError, match=f"holds '{second}', which needs a folder where"),
    ):
        unpack_zip(file, "assets/", tmp_path / "folder")


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "FREE_BYTES", 1 << 20)
    with (
        zip_of(tmp_path / "model.keras", ("assets/a", bytes(32 << 20), 0)) as file,
        pytest.raises(HubError, match="unpacks to more than"),
    ):
        unpack_zip(file, "assets/", tmp_path)
    assert not (tmp_path / "a").exists()
