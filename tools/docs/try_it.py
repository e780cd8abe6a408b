"""What the pages "Try it" run: LiteRT.js from npm, and five files of the zoo, in .cache/try.

None of it is in the repository. As a hook of mkdocs this copies that folder beside the pages; where
it is not there, the pages say so.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / ".cache" / "try"
WORDS = ROOT / "kerazoo" / "datasets" / "rt_polarity_words.txt"

FILES = {
    "mnist_cnn": "int8",
    "efficientnet_lite0": "int8",
    "fsdd_keyword": "float16",
    "ppo_cartpole": "int8",
    "mr_text_cnn": "int8",
}
SECOND_CHOICE = "float16"  # where int8 is refused, or its calibration data is not here

VERSION = "2.5.3"
PACKAGES = {
    "@litertjs/core": "3e51a66cc3aaf568ad5fb14ed2385b749c3d1ad85ab6ccae0905e34edff0259a"
    "3414b6b0e3cab8b73f08c2a82a08892f8981abf4e1432f59029cde27cd6a3225",
    "@litertjs/wasm-utils": "e1f262c3ab4142722cfb48c7fce435ea760e89297cffecd99e7e61dae97c6932"
    "878b4e6c56a656e7cd139a4efca42da44f7f40f4e60155d15ac2d799fec23591",
}
"""SHA-512 of the packages of `VERSION`."""
MEMBERS = {
    ("@litertjs/core", "dist/index.js"): "index.js",
    ("@litertjs/wasm-utils", "dist/index.js"): "wasm-utils.js",
    # Without threads; "compat" is for browsers without relaxed SIMD.
    **{
        ("@litertjs/core", f"wasm/{name}"): f"wasm/{name}"
        for stem in ("litert_wasm_internal", "litert_wasm_compat_internal")
        for name in (f"{stem}.js", f"{stem}.wasm")
    },
}


class NotFetched(Exception):
    """LiteRT.js cannot be had, in words."""


def prepare() -> None:
    """Fill .cache/try with what is missing or old; say in a line what cannot be had."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    try:
        _fetch_runtime(FOLDER / "litert")
    except NotFetched as error:
        print(f"Try it: left out, {error}", file=sys.stderr)
        (FOLDER / "files.json").unlink(missing_ok=True)
        return
    listed = _export_files()
    (FOLDER / "files.json").write_text(json.dumps(listed, indent=1) + "\n")
    print(f"Try it: LiteRT.js {VERSION}; {', '.join(listed)}")


def on_post_build(config: Any) -> None:
    """For mkdocs: the folder beside the pages."""
    target = Path(config["site_dir"]) / "try"
    target.mkdir(parents=True, exist_ok=True)
    if (FOLDER / "files.json").exists():
        shutil.copytree(FOLDER, target, dirs_exist_ok=True)
        shutil.copyfile(WORDS, target / "words.txt")
    else:
        (target / "files.json").write_text("{}\n")


def _fetch_runtime(folder: Path) -> None:
    mark = folder / "version.txt"
    if mark.exists() and mark.read_text() == VERSION:
        return
    shutil.rmtree(folder, ignore_errors=True)
    packages = {name: _pack(name) for name in PACKAGES}
    for (package, member), name in MEMBERS.items():
        content = packages[package].extractfile(f"package/{member}").read()
        if name == "index.js":  # browsers know paths, not packages
            content = content.replace(b'"@litertjs/wasm-utils"', b'"./wasm-utils.js"')
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    mark.write_text(VERSION)


def _pack(name: str) -> tarfile.TarFile:
    """A package of npm, its content compared with the hash above."""
    npm = shutil.which("npm")
    if npm is None:
        raise NotFetched("npm is not on the PATH.")
    with tempfile.TemporaryDirectory() as folder:
        command = [npm, "pack", f"{name}@{VERSION}", "--silent", "--pack-destination", folder]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        packed = list(Path(folder).glob("*.tgz"))
        if done.returncode or not packed:
            reason = (done.stderr or done.stdout).strip().split("\n")[0]
            raise NotFetched(f"npm cannot fetch {name}@{VERSION}: {reason}")
        content = packed[0].read_bytes()
    found = hashlib.sha512(content).hexdigest()
    if found != PACKAGES[name]:
        raise NotFetched(f"{name}@{VERSION} is not the expected package: its SHA-512 is {found}.")
    return tarfile.open(fileobj=io.BytesIO(content))


def _export_files() -> dict[str, Any]:
    """name -> what a page has to know of its file; names whose export failed are not in it.

    A file stays while its weights do: remove .cache/try after a change of the exporters.
    """
    path = FOLDER / "files.json"
    before = json.loads(path.read_text()) if path.exists() else {}
    listed = {}
    for name, kind in FILES.items():
        weights = _weights_of(name)
        if {"kind": kind, "weights": weights}.items() <= before.get(name, {}).items():
            listed[name] = before[name]
        elif made := _export(name, kind):
            listed[name] = {**_facts(name, made), "weights": weights}
    return listed


def _weights_of(name: str) -> str:
    from kerazoo.zoo.catalogue import find_any_config

    return find_any_config(name).weights["default"].sha256


def _facts(name: str, kind: str) -> dict[str, Any]:
    import kerazoo

    path = FOLDER / f"{name}.tflite"
    labels = kerazoo.load_tflite(path).labels
    return {"file": path.name, "kind": kind, "bytes": path.stat().st_size, "labels": labels}


def _export(name: str, kind: str) -> str | None:
    """Write the file and say which kind it is; None if there was no way."""
    from kerazoo.cli.agents import is_agent

    path = str(FOLDER / f"{name}.tflite")
    for mode in dict.fromkeys((kind, SECOND_CHOICE)):
        needs_agents = is_agent(name) and mode == "int8"
        python = os.environ.get("KERAZOO_RL_PYTHON") if needs_agents else None
        command = [python or sys.executable, "tools/docs/try_export.py", name, mode, path]
        done = subprocess.run(command, cwd=ROOT, stderr=subprocess.PIPE, text=True, check=False)
        if done.returncode == 0:
            return mode
        reason = (done.stderr.strip() or "no reason given").split("\n")[-1]
        print(f"Try it: {name}: no {mode} file: {reason}", file=sys.stderr)
    return None
