"""The examples in the docstrings give what they say, those of the components on every backend."""

import doctest
import importlib

import keras
import numpy as np
import pytest

import kerazoo

EVERY_BACKEND = ("layers", "losses", "metrics", "distill")
PACKAGES = (
    *EVERY_BACKEND,
    *("compress", "convert", "datasets", "distribute", "exporters", "hub", "inspect", "tasks"),
    *("training", "training.steps", "zoo"),
)
NEED_TENSORFLOW = {"cache_teacher"}
NEED_MATPLOTLIB = {"save_pictures"}
GIVEN_BY_FUNCTIONS = {
    *("CompressionReport", "LayerCost", "LayerSize", "SensitivityResult", "TFLiteSize"),
    *("PruningSchedule", "TfmotResult", "WeightConstraint"),
    *("ExportReport", "Latency", "LayerError", "LayerErrors", "Uncompared"),
    *("OperatorComparison", "OperatorSteps"),
    *("Edge", "Environment", "Graph", "GraphChanges", "LayerProfile", "Node", "Profile"),
    *("Tensor", "Variable", "ModelCard", "TrainResult"),
}
"""Results and bases, like the layers that `quantize_aware` makes: nobody writes them down."""
CONSTANTS = {"GRAPH_FORMATS", "QUANTIZE_MODES"}
ALL = [
    (package, name)
    for package in PACKAGES
    for name in importlib.import_module(f"kerazoo.{package}").__all__
    if not name.startswith("Quantized") and name not in GIVEN_BY_FUNCTIONS | CONSTANTS
]


@pytest.mark.parametrize(("package", "name"), ALL, ids=[".".join(one) for one in ALL])
def test_an_example_gives_what_it_says(package, name, request, zoo_state, tmp_path, monkeypatch):
    if name in NEED_TENSORFLOW or package not in EVERY_BACKEND:
        request.getfixturevalue("tensorflow_backend")
    if name in NEED_MATPLOTLIB:
        pytest.importorskip("matplotlib")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KERAZOO_CACHE", str(tmp_path / "cache"))
    module = importlib.import_module(f"kerazoo.{package}")
    names = {one: getattr(module, one) for one in module.__all__}
    names |= {"kerazoo": kerazoo, "keras": keras, "np": np}
    keras.utils.set_random_seed(0)
    (examples,) = doctest.DocTestFinder(recurse=False).find(
        getattr(module, name), name, globs=names
    )
    assert examples.examples
    failures = []
    doctest.DocTestRunner(verbose=False).run(examples, out=failures.append)
    assert not failures, "".join(failures)
