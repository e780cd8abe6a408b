"""The benchmark's JSON: every suite's rows, and of what machine, versions and sizes they are."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import shlex
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

PEERS = (
    *("torch", "keras-rs", "tf-keras", "tensorflow-hub", "tensorflow-model-optimization"),
    *("tf-agents", "gymnasium"),
)
_VERSIONS = """
import json, sys
from importlib import metadata
found = {}
for name in sys.argv[1:]:
    try:
        found[name] = metadata.version(name)
    except metadata.PackageNotFoundError:
        pass
print(json.dumps(found))
"""


def described(options: argparse.Namespace) -> dict[str, Any]:
    """A record without rows: `suites` and `seconds` by suite are still empty."""
    from kerazoo.inspect import environment

    load = getattr(os, "getloadavg", lambda: (None,))()  # Windows has none
    return {
        "command": shlex.join(["python", *sys.argv]),
        "commit": _commit(),
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "quick": options.quick,
        "sizes": dataclasses.asdict(options.sizes),
        "load_before": load[0],
        "environment": environment().to_dict(),
        "peers": _peers(options),
        "seconds": {},
        "suites": {},
    }


def write_record(path: str, record: dict[str, Any]) -> None:
    """The whole file, or the one of before."""
    from kerazoo import atomic

    atomic.write_text(path, json.dumps(record, indent=2) + "\n")


def _peers(options: argparse.Namespace) -> dict[str, dict[str, str]]:
    """Versions of what kerazoo is compared with, in each Python that takes part."""
    pythons = {
        "this": sys.executable,
        "torch": options.torch_python,
        "tfmot": options.tfmot_python,
        "rl": options.rl_python,
    }
    found = {}
    for name, python in pythons.items():
        if python:
            command = [python, "-c", _VERSIONS, *PEERS]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            found[name] = json.loads(done.stdout)
    return found


def _commit() -> str:
    """Of the checkout, with "+" where files were changed; "" outside of one."""
    command = ["git", "describe", "--always", "--dirty=+", "--exclude=*"]
    try:
        done = subprocess.run(
            command, cwd=Path(__file__).parent, capture_output=True, text=True, check=False
        )
    except OSError:
        return ""
    return done.stdout.strip()
