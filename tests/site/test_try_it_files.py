"""How the files of "Try it" are made ready: npm missing or failing, a package that was changed."""

import importlib.util
import os
import tarfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def try_it(tmp_path, monkeypatch):
    """The module, with a folder of its own and nothing to export."""
    spec = importlib.util.spec_from_file_location("try_it", ROOT / "tools" / "docs" / "try_it.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "FOLDER", tmp_path / "try")
    monkeypatch.setattr(module, "FILES", {})
    return module


@pytest.fixture
def fake_npm(tmp_path, monkeypatch):
    """Call it with lines of shell: the `npm` on the PATH."""

    def write(lines):
        folder = tmp_path / "bin"
        folder.mkdir()
        (folder / "npm").write_text(f"#!/bin/sh\n{lines}\n")
        (folder / "npm").chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")

    return write


def test_without_npm_the_pages_are_not_built(try_it, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PATH", "")
    try_it.prepare()
    assert capsys.readouterr().err == "Try it: left out, npm is not on the PATH.\n"
    try_it.on_post_build({"site_dir": str(tmp_path / "site")})
    assert (tmp_path / "site" / "try" / "files.json").read_text() == "{}\n"


def test_what_npm_says_is_passed_on(try_it, fake_npm, capsys):
    fake_npm("echo 'npm error code ENOTFOUND' >&2; exit 1")
    try_it.prepare()
    said = capsys.readouterr().err
    assert "cannot fetch @litertjs/core@" in said
    assert "npm error code ENOTFOUND" in said
    assert said.count("\n") == 1


def packed(folder, members):
    """A package as npm packs it."""
    path = folder / "any.tgz"
    with tarfile.open(path, "w:gz") as archive:
        for member in members:
            (folder / "member").write_text(f'from "@litertjs/wasm-utils"; // {member}')
            archive.add(folder / "member", f"package/{member}")
    return path


def test_a_changed_package_is_refused_and_the_right_one_unpacked(
    try_it, fake_npm, tmp_path, monkeypatch, capsys
):
    path = packed(tmp_path, [member for _, member in try_it.MEMBERS])
    fake_npm(f'for last; do :; done; cp "{path}" "$last"')
    try_it.prepare()
    said = capsys.readouterr().err
    assert "is not the expected package" in said
    assert not (try_it.FOLDER / "files.json").exists()

    found = said.strip().rstrip(".").split()[-1]
    monkeypatch.setattr(try_it, "PACKAGES", dict.fromkeys(try_it.PACKAGES, found))
    try_it.prepare()
    assert (try_it.FOLDER / "files.json").read_text() == "{}\n"
    main = (try_it.FOLDER / "litert" / "index.js").read_text()
    assert 'from "./wasm-utils.js"' in main
    assert all((try_it.FOLDER / "litert" / name).exists() for name in try_it.MEMBERS.values())
