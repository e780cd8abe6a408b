"""What importing costs, and in which direction imports point."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

HEAVY = ["keras", "numpy", "rich", "safetensors", "sklearn", "tensorflow", "torch", "typer"]


def test_listing_models_imports_nothing_heavy():
    program = (
        "import sys, kerazoo\n"
        "assert kerazoo.list_models(pretrained=None, task='image-classification')\n"
        "assert kerazoo.info('mnist_cnn').to_dict()\n"
        "kerazoo.datasets.list_datasets()\n"
        f"print([name for name in {HEAVY} if name in sys.modules])\n"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip() == "[]"


def test_imports_point_down():
    """The contracts in pyproject.toml: the order of the house."""
    pytest.importorskip("importlinter", reason="needs import-linter")
    run = subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stdout + run.stderr
