"""Several replicas and several workers give one device's numbers (tests/distribute/cases.py)."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerazoo.distribute import prepare, strategy
from kerazoo.distribute.replica_gradients import sum_gradients_first
from kerazoo.errors import ConfigError
from kerazoo.training import Loop
from tests.distribute.local_workers import assert_same, run_cases

pytestmark = pytest.mark.usefixtures("tensorflow_backend")

FIT = [
    "fit",
    "masked",
    "weighted_mean",
    "shuffled",
    "draws",
    "in_batch_negatives",
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
ON_WORKERS = ["agreement", "fit", "masked", "weighted_mean", "shuffled", "draws",
              "in_batch_negatives", "several_steps_per_execution", "on_batch", "accumulation",
              "loop", "distiller", "hub_layer", "quantization_aware"]  # fmt: skip


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


def test_two_replicas(tmp_path):
    results, expected = run_cases("mirrored2,default", tmp_path, ["fit", "weighted_mean", "draws"])
    assert_same(results, expected)


@pytest.mark.slow
@pytest.mark.release
@pytest.mark.timeout(1200)
def test_everything_on_two_replicas(alone, tmp_path):
    (results,) = run_cases("mirrored2", tmp_path, ALL)
    assert_same(results, alone(ALL))


@pytest.mark.slow
@pytest.mark.release
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


SAMPLES = np.zeros((7, 2), "float32"), np.zeros((7, 1), "float32")


def on_one_device(compile_inside, compile_outside=lambda model: None):
    with strategy("mirrored", devices=["CPU:0"]).scope():
        model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
        compile_inside(model)
    compile_outside(model)
    return model


def test_a_mirrored_strategy_of_one_device_trains():
    model = on_one_device(
        lambda model: model.compile(keras.optimizers.SGD(gradient_accumulation_steps=2), "mse")
    )
    history = prepare(model).fit(*SAMPLES, batch_size=4, verbose=0).history
    assert history == {"loss": [0.0]}
    assert model.evaluate(*SAMPLES, verbose=0) == 0.0
    assert model.predict(SAMPLES[0], verbose=0).shape == (7, 1)


@pytest.mark.parametrize("when", ["before", "after"])
def test_what_is_compiled_outside_of_the_scope_is_refused(when):
    prepares, compiles = prepare, lambda model: model.compile("sgd", "mse")
    model = on_one_device(prepares, compiles) if when == "after" else on_one_device(compiles)
    model.compile("sgd", "mse")
    with pytest.raises(ConfigError, match="but not the optimizer, the metric 'loss'. Make them"):
        prepare(model)
    if when == "after":
        with pytest.raises(ConfigError, match="but not the optimizer"):
            model.fit(*SAMPLES, verbose=0)


def test_a_metric_of_another_scope_is_refused():
    metric = keras.metrics.MeanAbsoluteError(name="error")
    model = on_one_device(lambda model: model.compile("sgd", "mse", metrics=[metric]))
    batches = tf.data.Dataset.from_tensor_slices(SAMPLES).batch(4)
    with pytest.raises(ConfigError, match="but not the metric 'error'"):
        Loop(model).fit(batches, epochs=1, progress=False)
    with pytest.raises(ConfigError, match="but not the metric 'error'"):
        model.fit(batches, verbose=0)


def test_weights_overwritten_by_their_average_are_refused():
    optimizer = keras.optimizers.SGD(use_ema=True, ema_overwrite_frequency=10)
    with pytest.raises(ConfigError, match="`ema_overwrite_frequency`.* Received: 10"):
        sum_gradients_first(optimizer)
