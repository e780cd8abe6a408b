"""The public names of kerazoo.rl, frozen, documented, with examples that give what they say."""

import doctest
import subprocess
import sys

import pytest

pytest.importorskip("gymnasium", reason="needs the extra rl")

import keras
import numpy as np

import kerazoo
import kerazoo.rl as rl

NAMES = [
    "GymnasiumEnvironment",
    "KerasActorDistributionNetwork",
    "KerasCategoricalQNetwork",
    "KerasNetwork",
    "KerasValueNetwork",
    "Policy",
    "Result",
    "RunningNormalization",
    "evaluate",
    "export",
    "gymnasium_environment",
    "record",
    "train",
]


def test_the_list_is_complete():
    assert sorted(rl.__all__) == NAMES
    assert set(NAMES) <= set(dir(rl))


@pytest.mark.parametrize("name", NAMES)
def test_an_example_gives_what_it_says(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    keras.utils.set_random_seed(0)
    names = {"kerazoo": kerazoo, "keras": keras, "np": np}
    (examples,) = doctest.DocTestFinder(recurse=False).find(getattr(rl, name), name, globs=names)
    assert bool(examples.examples) == (name not in ("GymnasiumEnvironment", "Result"))
    failures = []
    doctest.DocTestRunner(verbose=False).run(examples, out=failures.append)
    assert not failures, "".join(failures)


def test_the_old_gym_is_no_part_of_it():
    """TF-Agents imports it; kerazoo does not, and its notice is not shown."""
    program = "import kerazoo.rl; kerazoo.rl.gymnasium_environment('CartPole-v1').reset()"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert run.returncode == 0
    assert "unmaintained" not in run.stderr
