"""The public names, frozen: one goes in or out of public_names.txt on purpose, and documented."""

import importlib
import inspect
import re
from pathlib import Path

import pytest

LIST = Path(__file__).with_name("public_names.txt")
ROOT = Path(__file__).parents[1]


def public_names():
    """Module to its names."""
    names = {}
    for line in LIST.read_text(encoding="utf-8").split():
        module, _, name = line.rpartition(".")
        names.setdefault(module, []).append(name)
    return names


PUBLIC = public_names()
del PUBLIC["kerazoo.rl"]  # needs the extra: tests/rl
ALL_NAMES = [(module, name) for module, names in PUBLIC.items() for name in names]


@pytest.mark.parametrize("module", PUBLIC)
def test_the_list_is_complete(module):
    assert sorted(importlib.import_module(module).__all__) == sorted(PUBLIC[module])


def test_the_reference_has_every_name():
    documented = set()
    for entry in re.findall(r"^::: (\S+)$", (ROOT / "docs" / "api.md").read_text(), re.MULTILINE):
        file = (ROOT / entry.replace(".", "/")).with_suffix(".py")  # of a whole module
        text = file.read_text() if file.is_file() else f"class {entry.rpartition('.')[2]}"
        documented |= set(re.findall(r"^class (\w+)", text, re.MULTILINE))
    packages = {path.name for path in (ROOT / "kerazoo").iterdir()} | {"errors"}
    names = {name for names in public_names().values() for name in names}
    assert names - packages - documented == set()


@pytest.mark.parametrize("module", PUBLIC)
def test_names_show_in_dir(module):
    assert set(PUBLIC[module]) <= set(dir(importlib.import_module(module)))


@pytest.mark.parametrize(("module", "name"), ALL_NAMES)
def test_a_name_can_be_imported_and_is_documented(module, name):
    value = getattr(importlib.import_module(module), name)
    if not (inspect.ismodule(value) or callable(value)):
        return  # a constant
    documentation = value.__doc__ or ""
    assert len(documentation.split()) >= 4, f"{module}.{name} says nothing of itself"
    assert not documentation.startswith(f"{name}("), f"{name} has only its generated signature"


@pytest.mark.parametrize("name", ["predict", "train", "evaluate", "export", "get", "register"])
def test_the_main_functions_show_an_example(name):
    import kerazoo

    assert "kerazoo" in (getattr(kerazoo, name).__doc__ or "").split("Raises:")[-1]


def test_a_name_that_does_not_exist_is_an_attribute_error():
    import kerazoo

    with pytest.raises(AttributeError, match="no_such_name"):
        kerazoo.no_such_name  # noqa: B018
