"""`kerazoo.fetch`: broken connections, changed files, full disks, killed and rival processes."""

import concurrent.futures
import contextlib
import errno
import fcntl
import hashlib
import http.server
import shutil
import signal
import subprocess
import sys
import threading
import time

import pytest
import requests

from kerazoo import fetch as module
from kerazoo.errors import RunError
from kerazoo.fetch import fetch

CONTENT = bytes(range(256)) * 4000
DIGEST = hashlib.sha256(CONTENT).hexdigest()


class Server:
    """Serves `content` at any path; `ranges` are those that were asked for, None for all of it."""

    def __init__(self):
        self.content, self.tag, self.takes_ranges = CONTENT, '"one"', True
        self.cuts, self.seconds, self.ranges, self.address = [], 0.0, [], ""
        self.then = []  # content and tag of the answers that follow

    def answer(self, request):
        wanted = request.headers.get("Range")
        self.ranges.append(wanted)
        if self.then:
            self.content, self.tag = self.then.pop(0)
        if request.headers.get("If-Range", self.tag) != self.tag:
            wanted = None
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
        if not self.takes_ranges:
            wanted, start = None, 0
        if start >= len(self.content):
            request.send_error(416)
            return
        rest = self.content[start:]
        request.send_response(206 if wanted else 200)
        request.send_header("Content-Length", str(len(rest)))
        if self.tag:
            request.send_header("ETag", self.tag)
        request.end_headers()
        cut = self.cuts.pop(0) if self.cuts else len(rest)
        request.wfile.write(rest[:cut])
        request.wfile.flush()
        time.sleep(self.seconds)


@pytest.fixture
def server():
    state = Server()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it has read enough
                state.answer(self)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        state.address = f"http://127.0.0.1:{running.server_port}/file.bin"
        yield state
        running.shutdown()


def visible(folder):
    return [path.name for path in folder.iterdir() if not path.name.startswith(".")]


def test_a_file_is_fetched_once(server, tmp_path):
    path = tmp_path / "new" / "file.bin"
    assert fetch(server.address, path) == DIGEST
    assert path.read_bytes() == CONTENT
    assert fetch(server.address, path, sha256=DIGEST) == DIGEST
    assert server.ranges == [None]


@pytest.mark.parametrize("sha256", [None, DIGEST])
def test_a_broken_connection_goes_on(server, tmp_path, sha256):
    server.cuts = [200_000, 10, 150_000]  # the second says only which file it is
    assert fetch(server.address, tmp_path / "file.bin", sha256=sha256) == DIGEST
    starts = [int(asked.strip("bytes=-")) for asked in server.ranges if asked]
    assert server.ranges[0] is None
    assert 0 < starts[0] < starts[-1]  # how much a cut connection delivers is up to the system
    assert starts == sorted(set(starts))
    assert visible(tmp_path) == ["file.bin"]
    assert not list(tmp_path.glob("*.part"))


def test_what_was_given_up_goes_on_in_the_next_call(server, tmp_path):
    server.cuts = [70_000, 0, 70_000, 0, 70_000]
    with pytest.raises(requests.RequestException):
        fetch(server.address, tmp_path / "file.bin")
    assert visible(tmp_path) == []
    (part,) = tmp_path.glob(".*.part")
    kept = part.stat().st_size
    assert fetch(server.address, tmp_path / "file.bin") == DIGEST
    assert kept > 0
    assert server.ranges[-1] == f"bytes={kept}-"


def test_another_version_is_not_joined_to_the_old_one(server, tmp_path):
    server.cuts = [1000, 0, 0, 0, 0]
    with pytest.raises(requests.RequestException):
        fetch(server.address, tmp_path / "file.bin")
    server.content, server.tag = CONTENT[::-1], '"two"'
    server.cuts = []
    fetch(server.address, tmp_path / "file.bin")
    assert (tmp_path / "file.bin").read_bytes() == CONTENT[::-1]
    assert sorted(path.name for path in tmp_path.iterdir()) == [".file.bin.lock", "file.bin"]


def test_a_rest_of_another_version_is_not_joined(server, tmp_path):
    """Two machines behind one address, of which one has the new file already."""
    one, two = (CONTENT, '"one"'), (CONTENT[::-1], '"two"')
    server.cuts, server.then = [1000], [one, one, two]
    fetch(server.address, tmp_path / "file.bin")
    assert (tmp_path / "file.bin").read_bytes() == CONTENT[::-1]


def test_a_file_system_without_locks_is_no_hindrance(server, tmp_path, monkeypatch):
    def no_locks(*arguments):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    assert fetch(server.address, tmp_path / "file.bin") == DIGEST


@pytest.mark.parametrize(("tag", "takes_ranges"), [("", True), ('"one"', False)])
def test_servers_that_know_no_versions_or_ranges(server, tmp_path, tag, takes_ranges):
    server.tag, server.takes_ranges, server.cuts = tag, takes_ranges, [1000]
    assert fetch(server.address, tmp_path / "file.bin") == DIGEST


def test_a_part_that_is_whole_is_not_fetched_again(server, tmp_path, monkeypatch):
    monkeypatch.setattr(module.atomic, "flush_to_disk", lambda path: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        fetch(server.address, tmp_path / "file.bin")
    monkeypatch.undo()
    assert fetch(server.address, tmp_path / "file.bin") == DIGEST
    assert server.ranges[-1] == f"bytes={len(CONTENT)}-"


def test_another_file_is_removed(server, tmp_path):
    with pytest.raises(ValueError, match=f"has the SHA-256 {DIGEST}, not 0000"):
        fetch(server.address, tmp_path / "file.bin", sha256="0" * 64)
    assert [path.name for path in tmp_path.iterdir()] == [".file.bin.lock"]
    (tmp_path / "file.bin").write_bytes(b"damaged")
    assert fetch(server.address, tmp_path / "file.bin", sha256=DIGEST) == DIGEST


def test_a_full_disk_is_said_before_anything_is_written(server, tmp_path, monkeypatch):
    monkeypatch.setattr(
        shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**6, 10**6 - 5000, 5000)
    )
    with pytest.raises(RunError, match=r"needs 1\.0 MB in .*, where 0\.0 MB are free"):
        fetch(server.address, tmp_path / "file.bin")
    assert not list(tmp_path.glob(".*.part"))


def test_a_folder_that_cannot_be_made(server, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(RunError, match="Cannot create the folder"):
        fetch(server.address, tmp_path / "file" / "file.bin")


def test_of_two_at_once_one_fetches(server, tmp_path):
    server.seconds = 0.2
    with concurrent.futures.ThreadPoolExecutor() as pool:
        calls = [pool.submit(fetch, server.address, tmp_path / "file.bin") for _ in range(2)]
        assert [call.result() for call in calls] == [DIGEST, DIGEST]
    assert server.ranges == [None]


def test_kill_9_leaves_nothing_visible_and_the_next_call_goes_on(server, tmp_path):
    server.cuts, server.seconds = [500_000], 60.0
    program = (
        "import sys, pathlib; from kerazoo.fetch import fetch;"
        "fetch(sys.argv[1], pathlib.Path(sys.argv[2]))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program, server.address, tmp_path / "file.bin"]
    )
    while not any(path.stat().st_size >= 2**16 for path in tmp_path.glob(".*.part")):
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert visible(tmp_path) == []
    server.seconds = 0.0
    assert fetch(server.address, tmp_path / "file.bin") == DIGEST
    assert server.ranges[-1].startswith("bytes=")
