"""The public names of kerazoo.rl, frozen, documented, with examples that give what they say."""

import doctest

import pytest

pytest.importorskip("gymnasium", reason="needs the extra rl")

import keras
import numpy as np

import kerazoo
import kerazoo.rl as rl
from tests.test_public_names import public_names

NAMES = public_names()["kerazoo.rl"]


def test_the_list_is_complete():
    assert sorted(rl.__all__) == sorted(NAMES)
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
