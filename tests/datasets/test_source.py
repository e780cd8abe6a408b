"""Downloads: only what was published gets the file's name; being offline costs seconds."""

import functools
import hashlib
import http.server
import socket
import threading

import pytest

from kerazoo.datasets import source
from kerazoo.errors import DataError

CONTENT = b"real digits" * 1000
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("KERAZOO_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("KERAZOO_DATA", raising=False)
    monkeypatch.delenv("KERAZOO_OFFLINE", raising=False)
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    return tmp_path / "cache"


class _Quiet(http.server.SimpleHTTPRequestHandler):
    requests: list = []  # noqa: RUF012  (counted over all requests of a test)

    def do_GET(self):
        self.requests.append(self.path)
        super().do_GET()

    def log_message(self, *_):
        pass


@pytest.fixture
def server(tmp_path):
    """The address of a server on this machine with right.npz and wrong.npz."""
    folder = tmp_path / "server"
    folder.mkdir()
    (folder / "right.npz").write_bytes(CONTENT)
    (folder / "wrong.npz").write_bytes(CONTENT[:-1])
    _Quiet.requests.clear()
    handler = functools.partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


def test_the_right_file_is_kept_in_the_cache(cache, server):
    path = source.download(f"{server}/right.npz", sha256=DIGEST)
    assert path == cache / "right.npz"
    assert path.read_bytes() == CONTENT
    assert source.find_file("right.npz") == path
    assert source.download(f"{server}/right.npz", sha256=DIGEST) == path
    assert len(_Quiet.requests) == 1  # the second time it was there


def test_another_file_is_refused_and_removed(cache, server):
    with pytest.raises(DataError, match=r"Downloading http://.*wrong\.npz failed") as error:
        source.download(f"{server}/wrong.npz", sha256=DIGEST)
    assert "\n" not in str(error.value)
    assert source.find_file("wrong.npz") is None
    assert [path.name for path in cache.iterdir()] == [".wrong.npz.lock"]


def test_a_file_that_is_gone_counts_as_out_of_reach(cache, server):
    assert source.download(f"{server}/absent.npz", sha256=DIGEST) is None
    assert source.find_file("absent.npz") is None


def test_offline_asks_nobody(cache, server, monkeypatch):
    monkeypatch.setenv("KERAZOO_OFFLINE", "1")
    assert source.download(f"{server}/right.npz", sha256=DIGEST) is None
    assert _Quiet.requests == []
    monkeypatch.setenv("KERAZOO_OFFLINE", "0")
    assert source.download(f"{server}/right.npz", sha256=DIGEST) is not None


def test_a_closed_door_is_noticed(cache):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    assert source.download(f"http://127.0.0.1:{port}/right.npz", sha256=DIGEST) is None


@pytest.mark.timeout(10)
def test_a_look_up_that_never_answers_is_given_up(cache, monkeypatch):
    monkeypatch.setattr(source, "_REACHABLE_SECONDS", 0.1)
    answer = threading.Event()

    def look_up(*_):
        answer.wait(60)
        raise OSError("no answer")

    monkeypatch.setattr(socket, "create_connection", look_up)
    assert source.download("https://example.invalid/right.npz", sha256=DIGEST) is None
    answer.set()


def test_a_folder_with_the_files_name_is_not_the_file(cache):
    (cache / "right.npz").mkdir(parents=True)
    assert source.find_file("right.npz") is None
