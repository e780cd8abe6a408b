"""The site: checked, built by mkdocs, and looked at in a browser."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def build() -> int:
    """Build site/; 0 if every step went well, else the exit code of the one that did not."""
    python = sys.executable
    steps = [
        [python, "tools/cards.py", "--check"],
        [python, "tools/docs", "pages", "--check"],
        [python, "tools/docs", "try"],
        [python, "-m", "mkdocs", "build", "--strict"],
        [python, "-m", "pytest", "-n", "0", "-m", "", "-rs", "tests/site"],
    ]
    environment = {**os.environ, "KERAZOO_SITE": str(ROOT / "site"), "NO_MKDOCS_2_WARNING": "1"}
    for step in steps:
        done = subprocess.run(step, cwd=ROOT, env=environment, check=False)
        if done.returncode:
            return done.returncode
    return 0
