"""Pages of the topics: what a script of examples/ says of itself, its code, and what it printed.

The English page keeps the output; nothing else has a copy. Its Chinese page shows the same one.
"""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
TEXT = yaml.safe_load(Path(__file__).with_name("topics.yml").read_text(encoding="utf-8"))
LANGUAGES: dict[str, dict[str, str]] = TEXT["languages"]
TOPICS: list[dict[str, Any]] = TEXT["topics"]
OUTPUT = re.compile(r"^```text\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def write(run: list[str] | None = None) -> None:
    """Write all pages. `run`: scripts to run first; an empty list runs all, None none."""
    names = [topic["script"] for topic in TOPICS]
    unknown = set(run or ()) - set(names)
    if unknown:
        sys.exit(f"No such topic: {', '.join(sorted(unknown))}. Topics: {', '.join(names)}.")
    new = {name: output_of(name) for name in (names if run == [] else run or [])}
    for path, text in wanted(new).items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def old_pages() -> list[str]:
    """Names of pages that are not what their script and topics.yml say, or are of no topic."""
    expected = wanted({})
    old = [p for p, text in expected.items() if not p.exists() or p.read_text("utf-8") != text]
    there = [path for words in LANGUAGES.values() for path in (ROOT / words["folder"]).glob("*.md")]
    surplus = [path for path in there if path not in expected]
    return sorted(path.relative_to(ROOT).as_posix() for path in old + surplus)


def wanted(new_output: dict[str, str]) -> dict[Path, str]:
    """Every page's path and text."""
    pages = {}
    for language, words in LANGUAGES.items():
        folder = ROOT / words["folder"]
        pages[folder / "index.md"] = index(language)
        for topic in TOPICS:
            name = topic["script"]
            output = new_output.get(name) or kept_output(name)
            pages[folder / f"{name}.md"] = page(topic, language, output)
    return pages


def page(topic: dict[str, Any], language: str, output: str) -> str:
    """A topic in a language."""
    words, name = LANGUAGES[language], topic["script"]
    links = [f"[{title_of(guide)}]({words['guides']}/{guide}.md)" for guide in topic["guides"]]
    other = f"[{words['name_of_other']}]({words['other']}/{name}.md)"
    return "\n\n".join(
        [
            f"# {topic[f'{language}_title']}",
            prose(topic, language),
            words["more"].format(guides=words["comma"].join(links), other=other),
            f'```python title="examples/{name}.py"\n{docstring_and_code(name)[1]}```',
            f"## {words['output']}",
            f"```text\n{output}```\n",
        ]
    )


def index(language: str) -> str:
    """All topics in a table, each with the first line of its text."""
    rows = [
        f"| [{topic[f'{language}_title']}]({topic['script']}.md) "
        f"| {prose(topic, language).splitlines()[0]} |\n"
        for topic in TOPICS
    ]
    return LANGUAGES[language]["index"] + "".join(rows)


def prose(topic: dict[str, Any], language: str) -> str:
    """What a topic is about. English: the docstring without the line that says how to run it.

    A Chinese paragraph is one line: where a line ends, a reader would see a gap.
    """
    if language == "en":
        paragraphs = docstring_and_code(topic["script"])[0].split("\n\n")
        return "\n\n".join(p for p in paragraphs if not p.strip().startswith("python "))
    paragraphs = topic[language].strip().split("\n\n")
    return "\n\n".join(paragraph.replace("\n", "") for paragraph in paragraphs)


def docstring_and_code(name: str) -> tuple[str, str]:
    """A script's docstring, and all that comes after it."""
    source = (ROOT / "examples" / f"{name}.py").read_text(encoding="utf-8")
    tree = ast.parse(source)
    code = source.splitlines(keepends=True)[tree.body[0].end_lineno :]
    return ast.get_docstring(tree) or "", "".join(code).lstrip("\n")


def title_of(guide: str) -> str:
    heading = (ROOT / "docs" / "guides" / f"{guide}.md").read_text(encoding="utf-8").splitlines()[0]
    return heading.removeprefix("# ")


def kept_output(name: str) -> str:
    """The output that the English page shows."""
    page = ROOT / LANGUAGES["en"]["folder"] / f"{name}.md"
    found = OUTPUT.search(page.read_text(encoding="utf-8")) if page.exists() else None
    if found is None:
        sys.exit(f"{page} shows no output yet. Run: python tools/docs pages --run {name}")
    return found[1]


def output_of(name: str) -> str:
    """What the script prints, run in an empty folder by this Python as a newcomer runs it.

    Without data packs, cache and network: figures are then those of a clean environment anywhere.
    """
    print(f"running {name}", file=sys.stderr)
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as cache:
        done = subprocess.run(
            [sys.executable, ROOT / "examples" / f"{name}.py"],
            cwd=folder,
            env=environment_of_a_newcomer(cache),
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
    return done.stdout


def environment_of_a_newcomer(cache: str) -> dict[str, str]:
    """This one's variables without kerazoo's own and those that change figures."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("KERAZOO_") and name not in ("XLA_FLAGS", "KERAS_BACKEND")
    }
    silent = {"TF_CPP_MIN_LOG_LEVEL": "3"}
    return {**kept, **silent, "KERAZOO_OFFLINE": "1", "KERAZOO_CACHE": cache}
