"""What all wrappers share: off they are the plain model, saved they go on, and any `fit` works.

Where a test makes many models for a few steps, these run eagerly, which is faster than compiling.
"""

import functools
import os
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerazoo.errors import ConfigError, DataError, MissingDependencyError, UnknownNameError
from kerazoo.training import steps
from kerazoo.training.steps import (
    AdversarialTraining,
    Contrastive,
    MeanTeacher,
    MixedSampleAugment,
    RDrop,
    SharpnessAware,
)
from tests.training.steps.conftest import (
    OFF,
    ON,
    STEADY,
    X,
    Y,
    compiled,
    exact_and_steady,
    fit,
    make_net,
)


def assert_same_weights(one, other, atol=1e-6):
    for ours, theirs in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=atol)


WEIGHTS = {
    "sample_weight": {"sample_weight": np.linspace(0.1, 2.0, len(Y))},
    "class_weight": {"class_weight": {0: 0.2, 1: 1.0, 2: 3.0}},
}


@functools.cache
def plain_run(weights):
    """What Keras's own step does, once for all tests."""
    model = compiled(make_net(), run_eagerly=True)
    return model, fit(model, validation_data=(X, Y), **WEIGHTS[weights])


@pytest.mark.parametrize(
    ("name", "weights"),
    [*((name, "sample_weight") for name in OFF), ("MeanTeacher", "class_weight")],
)
def test_switched_off_it_is_the_plain_model(name, weights):
    plain, expected = plain_run(weights)
    net = make_net()
    wrapper = compiled(OFF[name](net), run_eagerly=True)
    history = fit(wrapper, validation_data=(X, Y), **WEIGHTS[weights])
    for key in expected:
        if key == "accuracy" and name == "MeanTeacher":
            continue  # weighs its metrics, so that they leave out what has no label
        np.testing.assert_allclose(history[key], expected[key], atol=1e-6, err_msg=key)
    assert wrapper.model is net
    assert_same_weights(net, plain)
    extra = set(history) - set(expected)
    assert extra == set(wrapper.step_losses)  # training alone reports them


def test_statistics_move_once_a_step():
    plain = compiled(make_net(norm=True), run_eagerly=True)
    expected = fit(plain, epochs=1, validation_data=(X, Y))
    for name in ("SharpnessAware", "MixedSampleAugment-mixup", "RDrop"):
        net = make_net(norm=True)
        wrapper = compiled(OFF[name](net), run_eagerly=True)
        history = fit(wrapper, epochs=1, validation_data=(X, Y))
        np.testing.assert_allclose(
            history["val_loss"], expected["val_loss"], atol=1e-6, err_msg=name
        )
        assert_same_weights(net, plain)


def test_sam_draws_its_dropout_masks_once_a_step():
    net = make_net(dropout=0.5)
    wrapper = compiled(OFF["SharpnessAware"](net), run_eagerly=True)
    plain = compiled(make_net(dropout=0.5), run_eagerly=True)
    np.testing.assert_allclose(fit(wrapper)["loss"], fit(plain)["loss"], rtol=1e-6)
    assert_same_weights(net, plain)


@pytest.mark.parametrize("name", ON)
def test_it_computes_what_the_model_computes(name):
    net = make_net(dropout=0.5, norm=True)
    wrapper = ON[name](net)
    np.testing.assert_array_equal(wrapper(X), net(X))
    np.testing.assert_array_equal(wrapper.predict(X, verbose=0), net.predict(X, verbose=0))
    assert wrapper(keras.Input((5, 4))).shape == (None, 3)


def test_a_custom_loop_calls_train_step():
    expected = exact_and_steady("MeanTeacher")
    wrapper = compiled(STEADY["MeanTeacher"](make_net()))
    strategy = tf.distribute.get_strategy()

    @tf.function
    def step(batch):
        return strategy.run(wrapper.train_step, args=(batch,))

    for batch in tf.data.Dataset.from_tensor_slices((X, Y)).batch(32):
        logs = step(batch)
    assert set(logs) == set(expected)
    for key, values in expected.items():
        np.testing.assert_allclose(logs[key], values[0], rtol=1e-5, err_msg=key)


def two_in_two_out():
    keras.utils.set_random_seed(1)
    a, b = keras.Input((4,), name="a"), keras.Input((3,), name="b")
    joined = keras.layers.Concatenate()([a, b])
    outputs = {name: keras.layers.Dense(n, name=name)(joined) for name, n in [("u", 3), ("v", 1)]}
    return keras.Model({"a": a, "b": b}, outputs)


def test_several_inputs_and_outputs():
    x = {"a": X[:, 0], "b": X[:, 1, :3]}
    y = {"u": Y, "v": (Y == 1).astype("float32")[:, None]}
    losses = {
        "u": keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        "v": keras.losses.BinaryCrossentropy(from_logits=True),
    }

    def history(wrap):
        model = wrap(two_in_two_out())
        metrics = {"u": ["accuracy"], "v": ["mae"]}
        model.compile("sgd", losses, {"u": 1.0, "v": 0.5}, metrics, run_eagerly=True)
        return fit(model, x, y, epochs=1)

    plain = history(lambda net: net)
    assert "u_accuracy" in plain
    for name in OFF.keys() - {"MeanTeacher", "MixedSampleAugment-cutmix"}:
        wrapped = history(OFF[name])
        own_losses = {"u_loss", "v_loss"} if "Mixed" in name else set()  # of both targets there
        for key in plain.keys() - own_losses:
            np.testing.assert_allclose(wrapped[key], plain[key], atol=1e-6, err_msg=f"{name} {key}")


def test_masks_reach_the_loss():
    tokens = np.array([[1, 2, 3, 0], [4, 1, 0, 0], [2, 2, 2, 2]])
    histories = []
    for build in (lambda net: net, OFF["SharpnessAware"], OFF["RDrop"]):
        keras.utils.set_random_seed(1)
        net = keras.Sequential(
            [
                keras.Input((4,), dtype="int32"),
                keras.layers.Embedding(5, 6, mask_zero=True),
                keras.layers.Dense(3),
            ]
        )
        model = compiled(build(net), keras.optimizers.SGD(0.5), run_eagerly=True)
        histories.append(model.fit(tokens, tokens % 3, epochs=3, verbose=0).history)
    for history in histories[1:]:
        np.testing.assert_allclose(history["loss"], histories[0]["loss"], atol=1e-6)


NET = make_net()


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (
            lambda: SharpnessAware(keras.layers.Dense(1)),
            "`model` must be a keras.Model that is built",
        ),
        (lambda: RDrop(keras.Sequential([keras.layers.Dense(1)])), "Begin it with keras.Input"),
        (
            lambda: SharpnessAware(NET, rho=-0.1),
            "`rho` must be a finite number of at least 0. Received: -0.1.",
        ),
        (lambda: SharpnessAware(NET, rho=float("nan")), "`rho` must be a finite number"),
        (lambda: SharpnessAware(NET, rho="0.1"), "of at least 0. Received: '0.1'."),
        (lambda: AdversarialTraining(NET, -1), "`epsilon` must be a finite number of at least 0"),
        (lambda: AdversarialTraining(NET, 1, steps=0), "`steps` must be an integer of 1 or above"),
        (lambda: AdversarialTraining(NET, 1, steps=1.5), "Received: 1.5."),
        (lambda: AdversarialTraining(NET, 1, steps=True), "Received: True."),
        (
            lambda: AdversarialTraining(NET, 1, step_size=0),
            "`step_size` must be a finite number above 0",
        ),
        (lambda: AdversarialTraining(NET, 1, clip_range=3), "`clip_range` must be (low, high)"),
        (lambda: AdversarialTraining(NET, 1, clip_range=(0, "1")), "`clip_range` must be a finite"),
        (
            lambda: AdversarialTraining(NET, 1, clip_range=(1, 0)),
            "`clip_range` must be (low, high)",
        ),
        (
            lambda: AdversarialTraining(NET, 1, clean_weight=1),
            "`clean_weight` must be a finite number of at least 0 and below 1",
        ),
        (
            lambda: MeanTeacher(NET, decay=1),
            "`decay` must be a finite number of at least 0 and below 1",
        ),
        (
            lambda: MeanTeacher(NET, consistency_weight=-1),
            "`consistency_weight` must be a finite number of at least 0",
        ),
        (
            lambda: MeanTeacher(NET, augmentation=lambda x: x),
            "`augmentation` must be a Keras layer",
        ),
        (
            lambda: MeanTeacher(NET, ramp_up_steps=-1),
            "`ramp_up_steps` must be an integer of 0 or above",
        ),
        (lambda: Contrastive(NET, None, keras.layers.Identity()), "`projection_head` must be a"),
        (lambda: Contrastive(NET, NET, lambda x: x), "`augmentation` must be a Keras layer"),
        (lambda: Contrastive(NET, NET, NET, temperature=0), "`temperature` must be a finite"),
        (lambda: Contrastive(NET, NET, NET, float("nan")), "number above 0. Received: nan."),
        (lambda: RDrop(NET, alpha=-1), "`alpha` must be a finite number of at least 0"),
        (
            lambda: MixedSampleAugment(NET, alpha=-1),
            "`alpha` must be a finite number of at least 0",
        ),
        (lambda: MixedSampleAugment(NET, "cutmixup"), "Did you mean 'cutmix'"),
        (
            lambda: fit(compiled(RDrop(NET))),
            "`from_logits` must be that of the compiled loss, True",
        ),
        (
            lambda: fit(compiled(MeanTeacher(NET))),
            "`from_logits` must be that of the compiled loss",
        ),
    ],
)
def test_what_cannot_work_is_one_line(make, says):
    with pytest.raises((ConfigError, UnknownNameError)) as caught:
        make()
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


class OwnLoss(keras.Sequential):
    def compute_loss(self, *args, **kwargs):
        return 2 * super().compute_loss(*args, **kwargs)


class OwnMetrics(keras.Sequential):
    def test_step(self, data):
        return super().test_step(data)

    def compute_metrics(self, *args, **kwargs):
        return {**super().compute_metrics(*args, **kwargs), "mine": 1.0}


class OwnStep(keras.Sequential):
    def train_step(self, data):
        return super().train_step(data)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: AdversarialTraining(make_net(), 0.1), "AdversarialTraining, which overrides"),
        (lambda: MeanTeacher(make_net()), "which overrides train_step, test_step, compute_loss, "),
        (lambda: OwnMetrics(make_net().layers), "overrides test_step, compute_metrics. Wrap"),
        (lambda: OwnLoss(make_net().layers), "OwnLoss, which overrides compute_loss."),
        (lambda: OwnStep(make_net().layers), "OwnStep, which overrides train_step."),
    ],
)
@pytest.mark.parametrize("name", ["SharpnessAware", "RDrop"])
def test_a_model_with_a_step_of_its_own_is_refused(name, make, says):
    """The wrapper's step would take the place of the model's without a word."""
    model = make()
    model.build((None, 5, 4))
    with pytest.raises(ConfigError, match=f"`{name}` brings a step of its own.*{says}"):
        ON[name](model)


def test_data_that_does_not_fit_is_one_line():
    tokens = keras.Sequential([keras.Input((4,), dtype="int32"), keras.layers.Embedding(9, 3)])
    x = np.ones((4, 4), "int32")
    for wrapper, samples, labels, says in [
        (
            AdversarialTraining(tokens, 1.0),
            x,
            x,
            "changes floating or uint8 inputs. Received: ['int",
        ),
        (MixedSampleAugment(tokens), x, x, "mixup blends floating or uint8 inputs. Received: int"),
        (MixedSampleAugment(tokens, "cutmix"), x, x, "one input of shape (batch, ..., channels)"),
        (MeanTeacher(make_net(), from_logits=True), X, np.eye(3)[Y], "wants integer labels"),
    ]:
        with pytest.raises(DataError) as caught:
            fit(compiled(wrapper, run_eagerly=True), samples, labels)
        assert says in str(caught.value)


def test_another_backend_is_named_in_one_line(monkeypatch):
    net = make_net()
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    for name in steps.__all__:
        more = {"Contrastive": [net, net], "AdversarialTraining": [1.0]}.get(name, [])
        with pytest.raises(MissingDependencyError) as caught:
            getattr(steps, name)(net, *more)
        says = f"`{name}` runs on the TensorFlow backend of Keras. Received: jax."
        assert str(caught.value).startswith(says)
        assert "\n" not in str(caught.value)


@pytest.mark.slow
def test_under_another_backend_it_is_the_same_line():
    """In a process of its own, since Keras's backend is fixed once it is imported."""
    pytest.importorskip("jax")
    code = """
import keras
from kerazoo.errors import MissingDependencyError
from kerazoo.training import steps
net = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
for name in steps.__all__:
    try:
        more = {"Contrastive": [net, net], "AdversarialTraining": [1.0]}.get(name, [])
        getattr(steps, name)(net, *more)
    except MissingDependencyError as error:
        print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "KERAS_BACKEND": "jax"},
        capture_output=True,
        text=True,
        check=False,
    )
    lines = done.stdout.splitlines()
    assert len(lines) == len(steps.__all__), done.stderr[-2000:]
    for name, line in zip(steps.__all__, lines, strict=True):
        assert line.startswith(f"`{name}` runs on the TensorFlow backend of Keras. Received: jax.")
