"""Every command that README.md and docs/ show is one that the command line takes."""

import re
import shlex
from itertools import groupby
from pathlib import Path

import pytest
import typer

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```(?:sh|bash)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def commands():
    """The words of each command, each once, with the first page that shows it."""
    found = {}
    for page in PAGES:
        for block in BLOCK.findall(page.read_text(encoding="utf-8")):
            for line in block.splitlines():
                reader = shlex.shlex(line, posix=True, punctuation_chars="&|")
                reader.whitespace_split = True
                for is_joint, words in groupby(reader, lambda word: word in ("&&", "|")):
                    if not is_joint:
                        found.setdefault(tuple(words), page.relative_to(ROOT).as_posix())
    return found


COMMANDS = commands()


@pytest.mark.parametrize("words", [c for c in COMMANDS if c[:1] == ("kerazoo",)], ids=" ".join)
def test_kerazoo_takes_the_command(words):
    from kerazoo.cli.main import app

    read(typer.main.get_command(app), list(words[1:]))


def read(group, words):
    """As the command line reads them, and nothing is run; what `launch` starts as well."""
    name, *rest = words
    assert name in group.commands, f"there is no command {name!r}"
    context = group.commands[name].make_context(name, list(rest))
    if "--" in rest:
        read(group, rest[rest.index("--") + 1 :])
    return context


@pytest.mark.parametrize("words", [c for c in COMMANDS if c[:1] == ("python",)], ids=" ".join)
def test_a_script_that_is_named_is_there(words):
    if words[1] != "-m":
        assert (ROOT / words[1]).exists()
