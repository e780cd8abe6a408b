"""Handles: where a SavedModel comes from, that it is the pinned one, and the cache is whole."""

import functools
import hashlib
import http.server
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import threading
from pathlib import Path

import pytest

from kerazoo.errors import HubError, MissingDependencyError, RunError
from kerazoo.foreign import saved_model_files
from kerazoo.hub import cache, download, locate

pytestmark = pytest.mark.usefixtures("tensorflow_backend")


def archived(folder, path, inner="."):
    with tarfile.open(path, "w:gz") as tar:
        tar.add(folder, arcname=inner)
    return path


def content(located):
    return {
        path.relative_to(located.folder).as_posix(): path.read_bytes()
        for path in saved_model_files.files_of(located.folder)
    }


def test_the_hash_is_the_one_that_sha256sum_gives(own_copy):
    folder = own_copy("text")
    command = "find . -type f | sed 's,^./,,' | LC_ALL=C sort | xargs sha256sum | sha256sum"
    found = subprocess.run(command, shell=True, cwd=folder, capture_output=True, text=True)
    assert locate.locate(folder).sha256 == found.stdout.split()[0]
    (folder / "notes.txt").write_text("not part of a SavedModel")
    assert locate.locate(folder).sha256 == found.stdout.split()[0]


@pytest.mark.parametrize("inner", [".", "model", "a/model"])
@pytest.mark.parametrize("suffix", [".tar.gz", ".tgz", ".tar"])
def test_an_archive_gives_what_its_folder_gives(inner, suffix, saved_models, tmp_path):
    folder = Path(saved_models("text"))
    path = archived(folder, tmp_path / f"model{suffix}", inner)
    found, expected = locate.locate(path), locate.locate(folder)
    assert content(found) == content(expected)
    assert found.sha256 == expected.sha256
    assert found.archive_sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert locate.locate(path) == found  # from the cache now


def test_what_is_pinned_is_compared(saved_models, tmp_path):
    path = archived(saved_models("reusable"), tmp_path / "model.tar.gz")
    found = locate.locate(path)
    assert locate.locate(path, found.sha256) == found
    assert locate.locate(path, found.archive_sha256) == found
    assert locate.locate(saved_models("reusable"), found.sha256).sha256 == found.sha256
    for handle in (path, saved_models("reusable")):
        with pytest.raises(HubError, match="is not the SavedModel that was pinned"):
            locate.locate(handle, "0" * 64)
    with pytest.raises(HubError, match="64 hex digits in lower case"):
        locate.locate(path, "abc")


DAMAGE = {
    "emptied": lambda root: [shutil.rmtree(root), root.mkdir()],
    "without its program": lambda root: next(root.rglob("saved_model.pb")).unlink(),
    "cut short": lambda root: os.truncate(next(root.rglob("*.data-*")), 10),
    "one byte changed": lambda root: next(root.rglob("saved_model.pb")).write_bytes(
        b"x" + next(root.rglob("saved_model.pb")).read_bytes()[1:]
    ),
    "without its record": lambda root: (root / "kerazoo.json").unlink(),
    "another record": lambda root: (root / "kerazoo.json").write_text("[]"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_broken_entry_is_mended(damage, saved_models, tmp_path, notices):
    """tensorflow/hub #896 and #850: an emptied cache was a failure for good."""
    path = archived(saved_models("text"), tmp_path / "model.tar.gz")
    found = locate.locate(path)
    whole = content(found)
    DAMAGE[damage](found.folder.parent)
    assert content(locate.locate(path)) == whole
    assert any("was damaged, so it is made anew" in line for line in notices())


@pytest.mark.slow
def test_a_process_that_dies_leaves_no_entry_and_no_rest(saved_models, tmp_path):
    path = archived(saved_models("reusable"), tmp_path / "model.tar.gz")
    code = f"""
import time
from kerazoo.hub import locate
unpack = locate.unpack_tar
def slowly(archive, folder):
    unpack(archive, folder)
    print("unpacked", flush=True)
    time.sleep(60)
locate.unpack_tar = slowly
locate.locate({str(path)!r})
"""
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "unpacked\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    folder = tmp_path / "cache" / "hub"
    assert [path.name for path in folder.iterdir() if not path.name.startswith(".")] == []
    found = locate.locate(path)  # the dead process's lock is free, and what it left is removed
    assert found.sha256 == locate.locate(saved_models("reusable")).sha256
    assert len([path for path in folder.iterdir() if path.suffix != ".lock"]) == 1


@pytest.mark.slow
def test_processes_that_want_the_same_wait_for_one(saved_models, tmp_path):
    path = archived(saved_models("reusable"), tmp_path / "model.tar.gz")
    code = f"""
import time
from kerazoo.hub import locate
unpack = locate.unpack_tar
def slowly(archive, folder):
    with open({str(tmp_path / "log")!r}, "a") as log:
        log.write("unpacked\\n")
    time.sleep(0.5)
    unpack(archive, folder)
locate.unpack_tar = slowly
print(locate.locate({str(path)!r}).sha256)
"""
    command = [sys.executable, "-c", code]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    outputs = {process.communicate()[0] for process in processes}
    assert outputs == {locate.locate(saved_models("reusable")).sha256 + "\n"}
    assert (tmp_path / "log").read_text() == "unpacked\n"


def test_a_cache_that_cannot_be_written_is_one_line(saved_models, tmp_path, monkeypatch):
    path = archived(saved_models("reusable"), tmp_path / "model.tar.gz")
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("KERAZOO_CACHE", str(tmp_path / "file"))
    with pytest.raises(RunError, match="Cannot create the folder"):
        locate.locate(path)


def test_one_of_several_has_to_be_named(saved_models, tmp_path):
    for name in ("one", "two"):
        shutil.copytree(saved_models("reusable"), tmp_path / "both" / name)
    with pytest.raises(HubError, match="holds 2 SavedModels. Name one of them: one, two"):
        locate.locate(tmp_path / "both")


@pytest.mark.parametrize("handle", ["http://example.com/model.tar.gz", "ftp://a/b", "s3://a/b"])
def test_other_addresses_are_refused(handle):
    with pytest.raises(HubError, match="Handles are folders"):
        locate.locate(handle)


@pytest.mark.parametrize(
    "handle", ["https://tfhub.dev/google/x/1", "gs://bucket/model", "kaggle.com/models/a/b/c/d/1"]
)
def test_nothing_is_fetched_where_that_is_forbidden(handle):
    with pytest.raises(HubError, match="not in the cache, and KERAZOO_OFFLINE forbids downloads"):
        locate.locate(handle)


def test_a_host_out_of_reach_is_one_line(monkeypatch):
    monkeypatch.delenv("KERAZOO_OFFLINE")
    monkeypatch.setattr(download, "is_reachable", lambda url: False)
    with pytest.raises(HubError, match="tfhub.dev is out of reach"):
        locate.locate("https://tfhub.dev/google/x/1")


@pytest.fixture
def server(tmp_path, monkeypatch):
    """A web server for a folder; `requested` are the paths it was asked for."""
    folder, requested = tmp_path / "served", []
    folder.mkdir()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            requested.append(self.path)

    handler = functools.partial(Handler, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as served:
        threading.Thread(target=served.serve_forever, daemon=True).start()
        monkeypatch.delenv("KERAZOO_OFFLINE")
        address = f"http://127.0.0.1:{served.server_port}"
        monkeypatch.setattr(download, "_HUB_HOSTS", ("127.0.0.1",))
        # What is served here is not encrypted, which handles have to be.
        request = download._request
        monkeypatch.setattr(
            download,
            "_request",
            lambda url, path: request(url.replace("https://served", address), path),
        )
        monkeypatch.setattr(download, "is_reachable", lambda url: True)
        yield folder, requested
        served.shutdown()


def test_an_address_is_fetched_once(server, saved_models, notices):
    folder, requested = server
    path = archived(saved_models("text"), folder / "model.tar.gz")
    found = locate.locate("https://served/model.tar.gz")
    assert found.sha256 == locate.locate(saved_models("text")).sha256
    assert found.archive_sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert any(found.archive_sha256 in line for line in notices())  # to be pinned
    path.unlink()
    assert locate.locate("https://served/model.tar.gz") == found
    assert requested == ["/model.tar.gz"]
    record = json.loads((found.folder.parent / "kerazoo.json").read_text())
    assert record["source"] == "https://served/model.tar.gz"


def test_a_fetched_archive_that_is_not_the_pinned_one_is_not_kept(server, saved_models, tmp_path):
    folder, _ = server
    archived(saved_models("text"), folder / "model.tar.gz")
    with pytest.raises(HubError, match="is not the SavedModel that was pinned"):
        locate.locate("https://served/model.tar.gz", "0" * 64)
    kept = [path.name for path in (tmp_path / "cache" / "hub").iterdir()]
    assert all(name.endswith(".lock") for name in kept), kept


def test_a_missing_file_is_one_line(server):
    with pytest.raises(HubError, match="Cannot fetch .*404"):
        locate.locate("https://served/missing.tar.gz")


def test_hub_addresses_ask_for_the_archive(monkeypatch, saved_models, tmp_path):
    asked = []
    path = archived(saved_models("reusable"), tmp_path / "model.tar.gz")
    monkeypatch.delenv("KERAZOO_OFFLINE")
    monkeypatch.setattr(download, "is_reachable", lambda url: True)
    monkeypatch.setattr(
        download, "_request", lambda url, to: [asked.append(url), shutil.copy(path, to)]
    )
    locate.locate("https://tfhub.dev/google/x/1")
    assert asked == ["https://tfhub.dev/google/x/1?tf-hub-format=compressed"]


def test_storage_is_read_by_tensorflows_file_system(saved_models, tmp_path):
    """TensorFlow's "ram://" stands for "gs://": the same calls, without a network."""
    import tensorflow as tf

    source, files = Path(saved_models("text")), tf.io.gfile
    for path in saved_model_files.files_of(source):
        target = f"ram://bucket/model/{path.relative_to(source).as_posix()}"
        files.makedirs(target.rpartition("/")[0])
        files.copy(str(path), target, overwrite=True)
    (tmp_path / "out").mkdir()
    assert download.from_storage("ram://bucket/model", tmp_path / "out", None) is None
    expected = locate.locate(source).sha256
    assert saved_model_files.content_sha256(tmp_path / "out") == expected
    with pytest.raises(HubError, match="no folder ram://bucket/other"):
        download.from_storage("ram://bucket/other", tmp_path / "out", None)


@pytest.mark.parametrize(
    "address",
    [
        "https://www.kaggle.com/models/google/m/frameworks/tensorFlow2/variations/v/versions/3",
        "kaggle.com/models/google/m/tensorFlow2/v/3",
    ],
)
def test_kaggle_is_asked_by_kagglehub(address, monkeypatch, saved_models):
    asked = []

    class Kagglehub:
        @staticmethod
        def model_download(handle, output_dir):
            asked.append(handle)
            shutil.copytree(saved_models("reusable"), output_dir)

    monkeypatch.delenv("KERAZOO_OFFLINE")
    monkeypatch.setitem(sys.modules, "kagglehub", Kagglehub)
    monkeypatch.setattr(download.importlib.util, "find_spec", lambda name: Kagglehub)
    found = locate.locate(address)
    assert asked == ["google/m/tensorFlow2/v/3"]
    assert found.sha256 == locate.locate(saved_models("reusable")).sha256
    assert {path.name for path in found.folder.parent.iterdir()} == {"model", "kerazoo.json"}


def test_kaggle_without_kagglehub_says_how_to_get_it(monkeypatch):
    monkeypatch.delenv("KERAZOO_OFFLINE")
    monkeypatch.setattr(download.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'kerazoo\[hub\]'"):
        locate.locate("kaggle.com/models/google/m/tensorFlow2/v/3")


def test_a_failed_fill_leaves_no_entry(tmp_path):
    def fill(folder):
        (folder / "saved_model.pb").write_bytes(b"")
        raise HubError("broke off")

    with pytest.raises(HubError, match="broke off"):
        cache.entry("key", "it", fill)
    assert cache.find("key") is None
    assert {path.name for path in (tmp_path / "cache" / "hub").iterdir()} == {".key.lock"}
