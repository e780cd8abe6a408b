"""The guide's blocks, and the example, run as they stand; its CartPole is Gymnasium's."""

import contextlib
import importlib.util
import io
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("gymnasium", reason="needs the extra rl")

import gymnasium
import numpy as np

ROOT = Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"^```python title=\"needs kerazoo\[rl\]\"\n(.*?)^```$", re.M | re.S)


def test_the_blocks_of_the_guide_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    page = ROOT / "docs" / "guides" / "reinforcement_learning.md"
    names: dict = {}
    for code in BLOCK.findall(page.read_text()):
        with contextlib.redirect_stdout(io.StringIO()):
            exec(compile(code, str(page), "exec"), names)
    assert (tmp_path / "episode.png").stat().st_size > 1000
    same_trajectories(names["CartPole"])


def test_the_cartpole_of_the_example_is_gymnasiums():
    path = ROOT / "examples" / "reinforcement_learning.py"
    spec = importlib.util.spec_from_file_location("example", path)
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    same_trajectories(example.CartPole)


def same_trajectories(kind):
    ours, theirs = kind(), gymnasium.make("CartPole-v1").unwrapped
    rng = np.random.default_rng(0)
    for seed in range(20):
        one, two = (environment.reset(seed=seed)[0] for environment in (ours, theirs))
        over = False
        while not over:
            np.testing.assert_allclose(one, two, rtol=1e-6, atol=1e-6)
            action = int(rng.integers(2))
            one, reward, terminated, *_ = ours.step(action)
            two, expected, over, *_ = theirs.step(action)
            assert (reward, terminated) == (expected, over)


def test_the_example_runs_shortened(tmp_path, monkeypatch, capsys):
    """In this process, for so few steps that it learns nothing: it prints what its page shows."""
    script = str(ROOT / "examples" / "reinforcement_learning.py")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [script, "200"])
    runpy.run_path(script, run_name="__main__")
    page = (ROOT / "docs" / "topics" / "reinforcement_learning.md").read_text()
    (shown,) = re.findall(r"^```text\n(.*?)^```$", page, re.M | re.S)
    printed = capsys.readouterr().out
    assert re.sub(r"[\d.]+", "#", printed) == re.sub(r"[\d.]+", "#", shown)


@pytest.mark.slow
def test_the_example_runs(tmp_path):
    script = ROOT / "examples" / "reinforcement_learning.py"
    done = subprocess.run(
        [sys.executable, script, "2000"], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "in Gymnasium's own CartPole" in done.stdout
