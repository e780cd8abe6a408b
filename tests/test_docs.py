"""Every Python block of README.md and docs/ runs as it stands, page by page, without a network.

A block that must not run (it needs a GPU, or takes minutes) starts with "```python no-run".
"""

import contextlib
import io
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for path in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
)
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page):
    """(line number, code) of each runnable block."""
    text = (ROOT / page).read_text()
    return [(text[: found.start()].count("\n") + 2, found[1]) for found in BLOCK.finditer(text)]


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page)])
@pytest.mark.usefixtures("zoo_state")
def test_the_code_of_a_page_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("KERAZOO_DATA", raising=False)  # what a newcomer has: pip's packages alone
    monkeypatch.setenv("KERAZOO_CACHE", str(tmp_path / "cache"))
    from kerazoo.datasets import loading

    loading._read_once.cache_clear()
    names: dict = {}
    try:
        for line, code in blocks(page):
            program = compile("\n" * (line - 1) + code, str(ROOT / page), "exec")
            with contextlib.redirect_stdout(io.StringIO()):
                exec(program, names)
    finally:
        loading._read_once.cache_clear()


@pytest.mark.parametrize("page", PAGES)
def test_links_inside_the_project_lead_somewhere(page):
    text = re.sub(r"```.*?```", "", (ROOT / page).read_text(), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if not target.startswith(("http://", "https://", "mailto:", "#")):
            path = (ROOT / page).parent / unquote(target.split("#")[0])
            assert path.exists(), f"{page} links to {target}"


def test_every_guide_is_in_the_navigation():
    navigation = (ROOT / "mkdocs.yml").read_text()
    for page in PAGES:
        if page.startswith("docs/"):
            assert page.removeprefix("docs/") in navigation, f"{page} is not in mkdocs.yml"


def test_the_table_of_models_is_that_of_the_configs():
    run = subprocess.run(
        [sys.executable, ROOT / "tools" / "readme_models.py", "--check"],
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr


def test_the_cards_are_those_of_the_configs():
    run = subprocess.run(
        [sys.executable, ROOT / "tools" / "cards.py", "--check"], capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
