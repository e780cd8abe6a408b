"""Archives that write elsewhere or fill the disk, and what lies inside of honest ones."""

import errno
import io
import os
import pickle
import tarfile
import zipfile

import numpy as np
import pytest

import kerazoo
from kerazoo.errors import DataError
from kerazoo.foreign import archive as rules
from tests.scan.hostile_files import dangers, keras_file


def tar_with(path, name="a", content=b"", **attributes):
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for attribute, value in attributes.items():
        setattr(info, attribute, value)
    with tarfile.open(path, "w:gz") as tar:
        tar.addfile(info, io.BytesIO(content))
    return path


def zip_with(path, name, content=b"", mode=0, compression=zipfile.ZIP_DEFLATED):
    info = zipfile.ZipInfo(name)
    info.external_attr, info.compress_type = mode << 16, compression
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(info, content)
    return path


@pytest.mark.parametrize("name", ["../evil", "a/../../evil", "/etc/evil", "C:\\evil"])
def test_paths_that_lead_elsewhere(tmp_path, name):
    """CVE-2007-4559, CVE-2025-12060."""
    assert "a path that leads elsewhere" in dangers(tar_with(tmp_path / "a.tar.gz", name))
    assert "a path that leads elsewhere" in dangers(zip_with(tmp_path / "a.zip", name))
    assert "a path that leads elsewhere" in dangers(
        keras_file(tmp_path / "a.keras", **{name.replace(".", "__"): b""})
    )
    assert {path.name for path in tmp_path.iterdir()} == {"a.tar.gz", "a.zip", "a.keras"}


@pytest.mark.parametrize(
    ("kind", "what"),
    [
        (tarfile.SYMTYPE, "a symbolic link to '/etc/passwd'"),
        (tarfile.LNKTYPE, "a hard link to '/etc/passwd'"),
        (tarfile.CHRTYPE, "a device"),
        (tarfile.FIFOTYPE, "a pipe"),
    ],
)
def test_links_and_devices(tmp_path, kind, what):
    path = tar_with(tmp_path / "a.tgz", type=kind, linkname="/etc/passwd")
    assert what in dangers(path)


def test_links_in_zip_files(tmp_path):
    path = zip_with(tmp_path / "a.zip", "link", b"/etc/passwd", mode=0o120777)
    assert "a link or device" in dangers(path)


def test_bombs(tmp_path, monkeypatch):
    monkeypatch.setattr(rules, "FREE_BYTES", 1 << 16)
    content = bytes(1 << 21)
    for path in (
        tar_with(tmp_path / "a.tar.gz", content=content),
        zip_with(tmp_path / "a.zip", "a", content),
        zip_with(tmp_path / "a.keras", "config.json", content),
        zip_with(tmp_path / "a.npz", "a.npy", content),
        zip_with(tmp_path / "a.pt", "data.pkl", content),
    ):
        assert "unpacks to more than" in dangers(path)


def test_what_is_inside_is_scanned(tmp_path):
    keras_file(tmp_path / "inner.keras", config={"class_name": "__lambda__"})
    inner = (tmp_path / "inner.keras").read_bytes()
    path = tar_with(tmp_path / "a.tar.gz", "models/inner.keras", inner)
    assert "a.tar.gz: models/inner.keras: config.json: carries Python code" in dangers(path)
    path = zip_with(tmp_path / "b.zip", "a.tar.gz", path.read_bytes())
    assert "b.zip: a.tar.gz: models/inner.keras: config.json: carries" in dangers(path)


def test_archives_within_archives_end(tmp_path):
    path = zip_with(tmp_path / "0.zip", "words.txt")
    for depth in range(1, 6):
        path = zip_with(tmp_path / f"{depth}.zip", "inner.zip", path.read_bytes())
    assert "more than 3 archives within archives" in dangers(path)


def test_parts_that_no_model_has(tmp_path):
    path = keras_file(tmp_path / "m.keras", setup__py="", assets_0_words__pkl=b"\x80\x04N.")
    report = kerazoo.verify(path)
    assert report.is_safe
    assert "is program code" in str(report)
    assert "m.keras: setup.py: is no part of a Keras model" in str(report)
    assert "m.keras: assets/words.pkl: a pickle" in str(report)


def test_two_members_of_one_name(tmp_path):
    """Two readers could take two different ones."""
    path = keras_file(tmp_path / "m.keras")
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("config.json", "{}")
    assert "'config.json', twice" in dangers(path)


def test_an_honest_archive(tmp_path):
    path = tar_with(tmp_path / "a.tar.gz", "words/list.txt", b"a b c")
    assert kerazoo.verify(path).findings == ()


@pytest.mark.parametrize("name", ["a.zip", "a.keras", "a.tar.gz", "a.npz", "a.pt"])
@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 no more", b"\x1f\x8b no more", b"text"])
def test_damage(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError):
        kerazoo.verify(tmp_path / name)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES])
def test_a_full_disk_is_no_damage(tmp_path, monkeypatch, number):
    def full(*arguments):
        raise OSError(number, os.strerror(number))

    for path in (
        tar_with(tmp_path / "a.tar.gz", content=b"a"),
        zip_with(tmp_path / "a.zip", "a", b"a"),
        keras_file(tmp_path / "a.keras"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr("kerazoo.foreign.archive.shutil.copyfileobj", full)
            with pytest.raises(DataError) as error:
                kerazoo.verify(path)
        assert f"{path.name} cannot be unpacked into" in str(error.value)
        assert f": {os.strerror(number)}. TMPDIR" in str(error.value)


def test_a_file_and_a_folder_of_one_name(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a", "")
        archive.writestr("a/b", "")
    assert "holds 'a/b', which needs a folder where the archive holds a file" in dangers(path)


def test_an_encrypted_member(tmp_path):
    path = zip_with(tmp_path / "a.zip", "a.txt", b"text", compression=zipfile.ZIP_STORED)
    content = bytearray(path.read_bytes())
    content[6] |= 1  # the flag, in both headers
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match="encrypted"):
        kerazoo.verify(path)


def test_links_in_folders(tmp_path):
    (tmp_path / "model.keras").symlink_to("/etc/passwd")
    assert "model.keras: a link to '/etc/passwd'" in dangers(tmp_path)


def nested(depth, content, copies):
    """The bytes of a zip of zips of zips."""
    name = "a.zip" if depth else "a.bin"
    inner = nested(depth - 1, content, copies) if depth else content
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(copies):
            archive.writestr(f"{number}{name}", inner)
    return packed.getvalue()


def test_bombs_in_parts(tmp_path, monkeypatch):
    """Each archive in another is honest, and all of them fill the disk."""
    monkeypatch.setattr(rules, "FREE_BYTES", 1 << 20)
    written = []
    write = rules._write

    def counted(content, target, archive):
        write(content, target, archive)
        written.append(target.stat().st_size)

    monkeypatch.setattr(rules, "_write", counted)
    path = tmp_path / "a.zip"
    path.write_bytes(nested(2, bytes(1 << 16), 6))
    assert "unpacks, with all around it, to more than" in dangers(path)
    assert sum(written) <= (1 << 20) + 50 * path.stat().st_size < 6**3 << 16
    with tarfile.open(tmp_path / "b.tar.gz", "w:gz") as tar:
        tar.add(path, "a.zip")
    assert "unpacks, with all around it, to more than" in dangers(tmp_path / "b.tar.gz")


def test_very_many_files_in_parts(tmp_path, monkeypatch):
    monkeypatch.setattr(rules, "MOST_FILES", 50)
    path = tmp_path / "a.zip"
    path.write_bytes(nested(1, b"", 40))
    assert "unpacks, with all around it, to more than" in dangers(path)


def test_archives_beside_each_other_have_room_by_their_size(tmp_path, monkeypatch):
    monkeypatch.setattr(rules, "FREE_BYTES", 1 << 12)
    for number in range(8):
        content = os.urandom(1 << 12)
        zip_with(tmp_path / f"{number}.zip", "a.bin", content, compression=zipfile.ZIP_STORED)
    assert kerazoo.verify(tmp_path).findings == ()


def test_configs_and_pickles_in_parts(tmp_path, monkeypatch):
    """As the bombs, for what is looked at part by part."""
    monkeypatch.setattr(rules, "FREE_PARTS", 10_000)
    config = f"[{','.join(['[]'] * 2500)}]"
    program = pickle.dumps([[]] * 5000, 2)
    zoo_config = "a: 1\n" + "# a\n" * 800
    for name, content in (("a.json", config), ("a.pkl", program), ("a.yaml", zoo_config)):
        path = tmp_path / "a.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for number in range(4):
                archive.writestr(f"{number}/{name}", content)
        assert "unpacks, with all around it, to more than" in dangers(path)
        zip_with(path, name, content)
        assert kerazoo.verify(path).is_safe


@pytest.mark.parametrize("name", ["a.npz", "a.pt"])
def test_members_count_together(tmp_path, monkeypatch, name):
    monkeypatch.setattr(rules, "FREE_BYTES", 1 << 16)
    path = tmp_path / name
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(9):
            content = io.BytesIO()
            np.save(content, np.zeros(4096, "int16"))
            archive.writestr(f"{number}.npy", content.getvalue())
            archive.writestr(f"{number}.pkl", pickle.dumps(bytes(8192)))
    assert "unpacks to more than" in dangers(path)


MAC_NOTE = b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X        " + bytes(100)


def test_what_a_mac_packs_beside_a_file(tmp_path):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(keras_file(tmp_path / "m.keras"), "m.keras")
        archive.writestr("__MACOSX/._m.keras", MAC_NOTE)
        archive.writestr("__MACOSX/._m.pkl", MAC_NOTE)
    assert kerazoo.verify(path).findings == ()


def test_a_tar_that_begins_as_a_macs_note(tmp_path):
    path = tmp_path / "m.tar"
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in (("12345678", b""), ("pickle", b"cos\nsystem\n.")):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    header = bytearray(path.read_bytes())
    header[:8] = MAC_NOTE[:8]
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header[:512])
    assert dangers(zip_with(tmp_path / "a.zip", "._m.pt", bytes(header)))


def test_other_files_with_the_name_or_the_start_of_a_macs_notes(tmp_path):
    evil = keras_file(tmp_path / "m.keras", config={"class_name": "__lambda__"}).read_bytes()
    for name, content, what in (
        ("._m.pkl", b"cos\nsystem\n.", "it calls for os.system"),
        ("m.keras", MAC_NOTE, "cannot be read"),
        ("._m.keras", MAC_NOTE + evil, "carries Python code"),  # loaders look for a zip's end
    ):
        assert what in dangers(zip_with(tmp_path / "a.zip", name, content))
