"""Every script in examples/ runs as a reader would run it, and says what it should."""

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"
SAYS = {
    "linear_regression.py": "closed form 0.357",
    "name_to_tflite.py": "integer only",
    "tf1_mnist_to_keras3.py": "same predictions on 100.0% of 1000 test images",
}
ELSEWHERE = {"reinforcement_learning.py"}
"""Runs in tests/rl, with the extra that it needs."""


def test_every_example_is_run():
    assert {path.name for path in EXAMPLES.glob("*.py")} == {*SAYS, *ELSEWHERE}


@pytest.mark.parametrize("script", sorted(SAYS))
def test_example(script, tmp_path):
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / script)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert SAYS[script] in done.stdout
