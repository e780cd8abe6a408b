"""The examples in the docstrings of the components give what they say, on every backend."""

import doctest
import importlib

import keras
import numpy as np
import pytest

import kerazoo

PACKAGES = ("layers", "losses", "metrics", "distill", "compress", "hub", "training.steps")
NEED_TENSORFLOW = {"cache_teacher"}
GIVEN_BY_FUNCTIONS = {
    *("CompressionReport", "LayerCost", "LayerSize", "SensitivityResult", "TFLiteSize"),
    *("PruningSchedule", "TfmotResult", "WeightConstraint"),
}
"""Results and bases, like the layers that `quantize_aware` makes: nobody writes them down."""
WITHOUT_EXAMPLE = {"ContrastiveRepresentation", "classifier", "trust"}
ALL = [
    (package, name)
    for package in PACKAGES
    for name in importlib.import_module(f"kerazoo.{package}").__all__
    if not name.startswith("Quantized") and name not in GIVEN_BY_FUNCTIONS
]


@pytest.mark.parametrize(("package", "name"), ALL, ids=[".".join(one) for one in ALL])
def test_an_example_gives_what_it_says(package, name, request, tmp_path, monkeypatch):
    if name in NEED_TENSORFLOW or package in ("compress", "hub", "training.steps"):
        request.getfixturevalue("tensorflow_backend")
    monkeypatch.chdir(tmp_path)
    module = importlib.import_module(f"kerazoo.{package}")
    names = {one: getattr(module, one) for one in module.__all__}
    names |= {"kerazoo": kerazoo, "keras": keras, "np": np}
    keras.utils.set_random_seed(0)
    (examples,) = doctest.DocTestFinder(recurse=False).find(
        getattr(module, name), name, globs=names
    )
    assert bool(examples.examples) == (name not in WITHOUT_EXAMPLE)
    failures = []
    doctest.DocTestRunner(verbose=False).run(examples, out=failures.append)
    assert not failures, "".join(failures)
