"""Several replicas and several workers give one device's numbers (tests/distribute/cases.py)."""

import keras
import pytest

from kerazoo.distribute import prepare
from tests.distribute.local_workers import assert_same, run_cases

pytestmark = pytest.mark.usefixtures("tensorflow_backend")

FIT = ["fit", "fit_arrays", "far_from_zero", "several_steps_per_execution", "on_batch", "own_step"]
OPTIMIZER = ["accumulation", "loss_scale"]
STEPS = ["sharpness_aware", "r_drop", "mean_teacher", "adversarial", "mixed_samples"]
LOOP = ["loop", *STEPS, "distiller", "hub_layer", "quantization_aware"]
ALL = [*FIT, *OPTIMIZER, *LOOP]


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """What one device gives, computed once."""
    results = {}

    def of(names):
        missing = [name for name in names if name not in results]
        if missing:
            (new,) = run_cases("default", tmp_path_factory.mktemp("alone"), missing)
            results.update(new)
        return {name: results[name] for name in names}

    return of


def test_two_replicas(alone, tmp_path):
    (results,) = run_cases("mirrored2", tmp_path, ["fit"])
    assert_same(results, alone(["fit"]))


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("strategy", ["mirrored2", "mirrored3"])
def test_everything_on_several_replicas(strategy, alone, tmp_path):
    names = ALL if strategy == "mirrored2" else ["fit", "loop", "quantization_aware"]
    (results,) = run_cases(strategy, tmp_path, names)
    assert_same(results, alone(names))


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("workers", [2, 3])
def test_several_workers(workers, alone, tmp_path):
    few = ["fit", "several_steps_per_execution", "loop"]
    names = ["agreement", *(ALL if workers == 2 else few)]
    expected = alone(names)
    for results in run_cases("multi_worker", tmp_path, names, workers):
        assert_same(results, expected)


def test_one_device_needs_nothing():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    before = dict(vars(model))
    assert prepare(model) is model
    assert vars(model) == before
