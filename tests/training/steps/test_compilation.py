"""XLA and mixed precision: the numbers of the plain way."""

import keras
import numpy as np
import pytest

from kerazoo.training.steps import SharpnessAware
from tests.training.steps.conftest import (
    ON,
    STEADY,
    X,
    Y,
    compiled,
    exact,
    exact_and_steady,
    fit,
    make_net,
)


def assert_same_first_epoch(history, expected, rtol):
    assert set(history) == set(expected)
    for key in expected:
        np.testing.assert_allclose(history[key], expected[key][:1], rtol=rtol, err_msg=key)


@pytest.mark.parametrize("name", STEADY)
def test_compiled_by_xla_it_gives_the_same(name):
    wrapper = compiled(STEADY[name](make_net()), jit_compile=True)
    assert wrapper.jit_compile
    assert_same_first_epoch(fit(wrapper, epochs=1), exact_and_steady(name), rtol=1e-4)


@pytest.mark.parametrize("how", [{"steps_per_execution": 2}, {"run_eagerly": True}])
def test_several_steps_a_call_and_none_compiled(how):
    for name in ("MeanTeacher", "MixedSampleAugment-mixup"):
        history = fit(compiled(ON[name](make_net()), **how), epochs=1)
        assert_same_first_epoch(history, exact(name), rtol=1e-5)


@pytest.mark.parametrize(
    "name",
    [
        "AdversarialTraining",
        "MixedSampleAugment-cutmix",
        pytest.param("MixedSampleAugment-mixup", marks=pytest.mark.slow),  # draws the same
        # Draw nothing themselves, but in a layer of Keras.
        pytest.param("MeanTeacher", marks=pytest.mark.slow),
        pytest.param("Contrastive", marks=pytest.mark.slow),
    ],
)
def test_xla_takes_the_random_draws_too(name):
    wrapper = compiled(ON[name](make_net()), keras.optimizers.SGD(0.1), jit_compile=True)
    assert np.isfinite(fit(wrapper, epochs=1)["loss"]).all()


@pytest.mark.parametrize(
    "policy", ["mixed_float16", pytest.param("mixed_bfloat16", marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("name", sorted(ON.keys() - {"MixedSampleAugment-cutmix"}))  # as mixup
def test_mixed_precision_trains_as_float32_does(name, policy):
    wrapper = compiled(ON[name](make_net(dtype=policy)))
    scales = isinstance(wrapper.optimizer, keras.optimizers.LossScaleOptimizer)
    assert scales == (policy == "mixed_float16")
    history, expected = fit(wrapper, epochs=6), exact(name)
    assert {weight.dtype for weight in wrapper.trainable_variables} == {"float32"}
    assert expected["loss"][-1] < expected["loss"][0]
    np.testing.assert_allclose(history["loss"], expected["loss"], rtol=0.15)


def test_a_float16_overflow_skips_the_step_and_spoils_nothing():
    net = make_net(dtype="mixed_float16")
    wrapper = compiled(SharpnessAware(net, rho=0.1))
    wrapper.optimizer.initial_scale = 1e12
    before = net.get_weights()
    history = wrapper.fit(X, Y, batch_size=len(X), verbose=0).history
    assert np.isfinite(history["loss"]).all()
    for ours, theirs in zip(net.get_weights(), before, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert float(wrapper.optimizer.dynamic_scale) == pytest.approx(5e11)
