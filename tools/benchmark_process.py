"""A contender in a process of its own, which answers with a line of JSON."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def answer_of(
    python: str, script: str, *arguments: object, environ: dict[str, str] | None = None
) -> Any:
    """What the last line says that a script of this folder prints; `environ` None is our own.

    Raises RuntimeError with the end of what it said if it fails.
    """
    command = [python, str(Path(__file__).with_name(script)), *map(str, arguments)]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{_shown(command)} failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def _shown(command: Sequence[str]) -> str:
    return " ".join([Path(command[1]).name, *command[2:]])
