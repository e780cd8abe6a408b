"""The pages of the twenty topics are of today's scripts, in both languages."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
TOPICS = sorted(
    path.stem for path in (ROOT / "docs" / "topics").glob("*.md") if path.stem != "index"
)
BLOCK = re.compile(r"^```(?:python title=\"examples/(\w+)\.py\"|(text))\n(.*?)^```$", re.M | re.S)


def page(name, folder="topics"):
    return (ROOT / "docs" / folder / f"{name}.md").read_text(encoding="utf-8")


def test_there_are_twenty():
    assert len(TOPICS) == 20


@pytest.mark.parametrize("name", TOPICS)
def test_a_script_is_short(name):
    assert len((ROOT / "examples" / f"{name}.py").read_text(encoding="utf-8").splitlines()) < 80


@pytest.mark.parametrize("name", TOPICS)
def test_a_page_holds_the_code_of_its_script(name):
    (script, _, code), (_, _, output) = BLOCK.findall(page(name))
    source = (ROOT / "examples" / f"{name}.py").read_text(encoding="utf-8")
    docstring, rest = source.split('"""\n', maxsplit=1)
    assert script == name
    assert code.strip() == rest.strip()
    assert output.strip()
    for line in docstring.removeprefix('"""').splitlines():
        assert line in page(name) or line.strip().startswith("python ")


@pytest.mark.parametrize("name", TOPICS)
def test_the_chinese_page_has_the_same_code_and_output(name):
    chinese = page(name, "zh/topics")
    assert BLOCK.findall(chinese) == BLOCK.findall(page(name))
    prose = BLOCK.sub("", chinese)
    assert len(re.findall("[\u4e00-\u9fff]", prose)) > 30


def test_the_pages_are_what_the_tool_writes():
    run = subprocess.run(
        [sys.executable, ROOT / "tools" / "docs", "pages", "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
