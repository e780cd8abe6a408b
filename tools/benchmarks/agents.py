"""The suite "rl": rl.py in the Python that `--rl-python` names.

TF-Agents does not go together with what the other suites need, so it is installed elsewhere.
"""

from __future__ import annotations

import argparse

from benchmarks.process import answer_of
from benchmarks.table import NotMeasured, Row, progress


def suite_rl(options: argparse.Namespace) -> list[Row]:
    """Iterations a second beside TF-Agents' tutorial, memory over a long run, returns of agents."""
    if not options.rl_python:
        raise NotMeasured("name a Python that has kerazoo[rl] by --rl-python")
    sizes = options.sizes
    progress("rl")
    return answer_of(
        options.rl_python,
        "rl",
        "--json",
        *("--rounds", sizes.rounds),
        *("--iterations", sizes.rl_iterations),
        *("--memory-steps", sizes.rl_memory_steps),
        *("--episodes", sizes.rl_episodes),
    )
