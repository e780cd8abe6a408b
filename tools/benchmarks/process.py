"""A contender in a process of its own, which answers with a line of JSON."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_TOOLS = Path(__file__).resolve().parent.parent


def command_of(python: str, module: str, *arguments: object) -> list[str]:
    """What runs a module of this package, in the environment that `environment_of` gives."""
    return [python, "-m", f"benchmarks.{module}", *map(str, arguments)]


def environment_of(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """`environ`, in which this package is found."""
    places = (str(_TOOLS), environ.get("PYTHONPATH", ""))
    return {**environ, "PYTHONPATH": os.pathsep.join(filter(None, places))}


def answer_of(
    python: str, module: str, *arguments: object, environ: Mapping[str, str] = os.environ
) -> Any:
    """What the last line says that a module of this package prints.

    Raises RuntimeError with the end of what it said if it fails.
    """
    command = command_of(python, module, *arguments)
    done = subprocess.run(
        command, env=environment_of(environ), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command[2:])} failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])
