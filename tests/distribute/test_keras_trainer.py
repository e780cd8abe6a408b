"""Several replicas and several workers give one device's numbers (tests/distribute/cases.py)."""

import keras
import pytest

from kerazoo.distribute import prepare
from tests.distribute.local_workers import assert_same, run_cases

pytestmark = pytest.mark.usefixtures("tensorflow_backend")

FIT = [
    "fit",
    "masked",
    "fit_arrays",
    "far_from_zero",
    "several_steps_per_execution",
    "on_batch",
    "own_step",
]
OPTIMIZER = ["accumulation", "loss_scale"]
STEPS = ["sharpness_aware", "r_drop", "mean_teacher", "adversarial", "mixed_samples"]
LOOP = ["loop", *STEPS, "distiller", "hub_layer", "quantization_aware"]
ALL = [*FIT, *OPTIMIZER, *LOOP]
ON_WORKERS = ["agreement", "fit", "masked", "several_steps_per_execution", "on_batch",
              "accumulation", "loop", "distiller", "hub_layer", "quantization_aware"]  # fmt: skip


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
    (results,) = run_cases("mirrored2", tmp_path, ["fit", "masked"])
    assert_same(results, alone(["fit", "masked"]))


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_everything_on_two_replicas(alone, tmp_path):
    (results,) = run_cases("mirrored2", tmp_path, ALL)
    assert_same(results, alone(ALL))


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize(("workers", "names"), [(2, ON_WORKERS), (3, ["agreement", "fit", "loop"])])
def test_several_workers(workers, names, alone, tmp_path):
    expected = alone(names)
    for results in run_cases("multi_worker", tmp_path, names, workers):
        assert_same(results, expected)


@pytest.mark.slow
def test_differences_are_rounding_errors(alone, tmp_path):
    names = ["deep_in_double_precision"]
    # Keras rounds 1 / replicas to float32, which is exact for two; metrics are in float32.
    (results,) = run_cases("mirrored2", tmp_path, names)
    assert_same(results, alone(names), atol=1e-6, weights_atol=1e-12)


def test_one_device_needs_nothing():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    before = dict(vars(model))
    assert prepare(model) is model
    assert vars(model) == before
