"""Every Python block of README.md and docs/ runs as it stands, page by page, without a network.

A block with a title needs what is not here and does not run: ```python title="needs a network".
Its calls are compared with kerazoo's code. A script's block is in tests/test_topics.py.
"""

import ast
import contextlib
import importlib
import inspect
import io
import re
import shutil
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
YAML = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TOML = re.compile(r"^```toml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NEEDS = re.compile(r"^```python title=\"needs .*?\"\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TITLED = re.compile(r"^```python title=\"(needs [^\"]+|examples/\w+\.py)\"$")
TRANSLATED = {"docs/zh/quickstart.md": "docs/guides/quickstart.md"}
LONG = {
    f"docs/guides/{name}.md"
    for name in (
        "clustering",
        "distillation",
        "export",
        "fine_tuning",
        "pruning",
        "quantization_aware_training",
        "train_steps",
    )
}
"""Pages whose code trains or exports for a while: among the slow tests."""
OLD_MODEL = ROOT / "tests" / "convert" / "keras2_models" / "mixed.h5"
FILES = {"docs/guides/from_keras2.md": {"old_model.h5": OLD_MODEL, "strangers.h5": OLD_MODEL}}
"""What a page's reader has."""


def blocks(page, kind=BLOCK):
    """(line number, code) of each block of a kind."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return [(text[: found.start()].count("\n") + 2, found[1]) for found in kind.finditer(text)]


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, marks=[pytest.mark.slow] if page in LONG else [])
        for page in PAGES
        if blocks(page) and page not in TRANSLATED
    ],
)
@pytest.mark.usefixtures("zoo_state")
def test_the_code_of_a_page_runs(page, tmp_path, monkeypatch):
    for name, source in FILES.get(page, {}).items():
        shutil.copy(source, tmp_path / name)
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


@pytest.mark.parametrize("page", TRANSLATED)
def test_a_translation_has_the_code_of_its_original(page):
    assert [code for _, code in blocks(page)] == [code for _, code in blocks(TRANSLATED[page])]


@pytest.mark.parametrize("page", PAGES)
def test_every_block_is_of_a_kind_that_is_tested(page):
    for line in (ROOT / page).read_text(encoding="utf-8").splitlines():
        if line.lstrip().startswith("```python"):
            assert line == "```python" or TITLED.match(line), line


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, NEEDS)])
def test_what_cannot_run_calls_what_there_is(page):
    if "needs kerazoo[rl]" in (ROOT / page).read_text(encoding="utf-8"):
        pytest.importorskip("gymnasium", reason="needs the extra rl; tests/rl runs these blocks")
    for _, code in blocks(page, NEEDS):
        names = {"kerazoo": importlib.import_module("kerazoo")}
        for node in ast.walk(ast.parse(code)):
            if isinstance(node, ast.ImportFrom) and node.module.startswith("kerazoo"):
                exec(ast.unparse(node), names)
        for call in [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Call)]:
            path = ast.unparse(call.func)
            if re.fullmatch(r"[\w.]+", path) and path.split(".")[0] in names:
                keywords = {word.arg: None for word in call.keywords}
                inspect.signature(eval(path, names)).bind(*call.args, **keywords)


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, YAML)])
def test_yaml_is_what_a_config_may_hold(page):
    """Each block shows fields of a config: they are set in one of the zoo's."""
    from kerazoo.zoo.catalogue import find_config
    from kerazoo.zoo.config_file import to_config, to_plain
    from kerazoo.zoo.yaml_reader import parse_yaml

    for line, text in blocks(page, YAML):
        config = to_plain(find_config("mnist_cnn"))
        for field, value in parse_yaml(text, source=f"{page}:{line}").items():
            config[field] = {**(config.get(field) or {}), **value}
        to_config(config, source=f"{page}:{line}")


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, TOML)])
def test_toml_names_the_entry_points_that_are_looked_for(page):
    tomllib = pytest.importorskip("tomllib", reason="Python 3.11 brings it")
    from kerazoo.zoo import package_configs, registry

    groups = {registry.ENTRY_POINT_GROUP, package_configs.ENTRY_POINT_GROUP}
    for _, text in blocks(page, TOML):
        assert set(tomllib.loads(text)["project"]["entry-points"]) == groups


@pytest.mark.parametrize("page", PAGES)
def test_what_is_installed_from_a_folder_is_cloned_before(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    if "pip install -e" in text:
        assert text.index("git clone ") < text.index("pip install -e")


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
