"""examples/my_zoo, installed as a user would install it: its models are models of the zoo."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parent.parent / "examples" / "my_zoo"
NAMES = ["diabetes_residual_mlp", "mnist1d_residual_mlp"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Runs a command where the package is installed, and gives what it printed."""
    pytest.importorskip("setuptools", minversion="77", reason="builds the example")
    folder = tmp_path_factory.mktemp("my_zoo")
    source, site = folder / "source", folder / "site"
    shutil.copytree(EXAMPLE, source)  # a build leaves files behind
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--quiet", "--target", str(site)]
    pip = [sys.executable, "-m", "pip", "install", *options, str(source)]
    done = subprocess.run(pip, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    path = os.pathsep.join([str(site), *os.environ.get("PYTHONPATH", "").split(os.pathsep)])

    def call(*words):
        command = [sys.executable, "-m", "kerazoo.cli.main", *words]
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            cwd=folder,
            env={**os.environ, "PYTHONPATH": path.rstrip(os.pathsep)},
            check=False,
        )
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout

    return call


def test_its_models_are_in_the_zoo(run):
    assert [card["name"] for card in json.loads(run("list", "*_residual_mlp", "--json"))] == NAMES


@pytest.mark.slow
def test_its_builder_trains_and_answers(run):
    run("train", "diabetes_residual_mlp", "--epochs", "2", "--set", "distribution.xla=false")
    metrics = json.loads(run("evaluate", "runs/diabetes_residual_mlp/model.keras", "--json"))
    assert metrics.keys() == {"loss", "r2_score"}
