"""The built site, served to a headless Chromium that can reach nothing else.

`KERAZOO_SITE` names a folder that is built already, as `tools/docs build` does.
"""

import functools
import http.server
import importlib.util
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """The folder of the site, built with --strict."""
    if "KERAZOO_SITE" in os.environ:
        return Path(os.environ["KERAZOO_SITE"])
    if importlib.util.find_spec("material") is None:
        pytest.skip("needs the extra docs (mkdocs-material)")
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", folder],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


@pytest.fixture(scope="session")
def chromium():
    """A running headless Chromium."""
    playwright = pytest.importorskip("playwright.sync_api", reason="needs the package playwright")
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip(f"needs a browser on the PATH: {', '.join(BROWSERS)}")
    with playwright.sync_playwright() as runner:
        browser = runner.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


@pytest.fixture(scope="session")
def address(chromium, site):
    """Where the site is served; `chromium` comes first, so that nothing is built without one."""
    handler = functools.partial(_Quiet, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def open_page(chromium, address):
    """Call it with a path of the site and a width in pixels, for a page of Playwright's.

    What goes wrong on a page is in its `complaints`: errors, failed answers, and every request to
    elsewhere, which is not let through.
    """
    contexts = []

    def open_at(path="/", width=1280, height=800):
        context = chromium.new_context(viewport={"width": width, "height": height})
        contexts.append(context)
        page = context.new_page()
        page.complaints = watch(page, address)
        page.goto(address + path, wait_until="networkidle")
        return page

    yield open_at
    for context in contexts:
        context.close()


def watch(page, address):
    """The list that a page's complaints go to, from now on."""
    complaints = []

    def allow(route):
        url = route.request.url
        if url.startswith((address, "data:", "blob:")):
            route.continue_()
        else:
            complaints.append(f"{page.url} asks for {url}")
            route.abort()

    page.route("**/*", allow)
    page.on("pageerror", lambda error: complaints.append(f"{page.url}: {error}"))
    page.on(
        "console",
        lambda said: (
            complaints.append(f"{page.url}: {said.text}") if said.type == "error" else None
        ),
    )
    page.on(
        "response",
        lambda answer: (
            complaints.append(f"{page.url}: {answer.status} of {answer.url}")
            if answer.status >= 400
            else None
        ),
    )
    return complaints
