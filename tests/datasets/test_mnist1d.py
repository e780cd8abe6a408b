"""MNIST-1D: the curves of the package, whatever the state of the random generators."""

import random

import numpy as np
import pytest

from kerazoo.datasets import mnist1d as ours

theirs = pytest.importorskip("mnist1d.data")


@pytest.fixture
def fewer(monkeypatch):
    """50 curves instead of 5,000."""
    settings = theirs.get_dataset_args()
    settings.num_samples = 50
    make = theirs.make_dataset
    monkeypatch.setattr(theirs, "make_dataset", lambda: make(settings))
    ours._generate.cache_clear()
    yield
    ours._generate.cache_clear()


def test_curves_are_those_of_the_package(fewer):
    expected = theirs.make_dataset()
    for split, end, count in (("train", "", 40), ("test", "_test", 10)):
        curves, labels = ours.DATASET.read(split)
        assert (curves.shape, curves.dtype) == ((count, 40, 1), np.float32)
        np.testing.assert_allclose(curves[..., 0], expected[f"x{end}"], rtol=1e-6)
        assert labels.tolist() == expected[f"y{end}"].tolist()


def test_the_programs_own_random_numbers_stay_as_they_were(fewer):
    np.random.seed(5)
    random.seed(5)
    expected = np.random.rand(), random.random()
    np.random.seed(5)
    random.seed(5)
    ours.DATASET.read("train")
    assert (np.random.rand(), random.random()) == expected
