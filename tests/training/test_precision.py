"""Which precision is chosen, with the clock replaced by known times."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerazoo.training import precision
from kerazoo.training.precision import choose, dtype_policy
from kerazoo.training.steps import LengthGroups


@pytest.fixture
def clock(monkeypatch):
    """Set `clock[candidate] = milliseconds`; nothing is trained."""
    times = {}
    monkeypatch.setattr(precision, "_timed_step", lambda *_: None)
    monkeypatch.setattr(
        precision, "_median_step_ms", lambda steps, **_: {s: times[s] for s in steps}
    )
    monkeypatch.setattr(precision, "_candidates", lambda: ["float32", "mixed_bfloat16"])
    return times


def chosen(wish="auto", xla="auto", steps=precision.WORTH_TIMING):
    return choose(wish, xla, make_model=lambda xla: None, batch=(None, None), steps=steps)


@pytest.mark.parametrize(
    ("float32", "bfloat16", "compiled", "expected"),
    [
        (10.0, 5.0, 9.0, ("mixed_bfloat16", False)),
        (10.0, 20.0, 5.0, ("float32", True)),
        (10.0, 5.0, 2.0, ("mixed_bfloat16", True)),
        (10.0, 9.8, 20.0, ("float32", False)),  # too little to leave float32 for
        (10.0, 20.0, 9.8, ("float32", False)),
    ],
)
def test_the_fastest_wins_if_it_wins_clearly(clock, float32, bfloat16, compiled, expected):
    clock |= {"float32": float32, "mixed_bfloat16": bfloat16}
    clock |= {"float32+xla": compiled, "mixed_bfloat16+xla": compiled}
    choice = chosen()
    assert (choice.precision, choice.xla) == expected
    assert choice.step_ms["float32"] == float32


def test_what_is_given_is_taken(clock):
    assert chosen("mixed_bfloat16", True) == precision.Choice("mixed_bfloat16", True)
    clock |= {"mixed_float16": 1.0, "mixed_float16+xla": 0.5}
    assert chosen("mixed_float16").xla is True


def test_a_short_run_is_not_timed(clock):
    assert chosen(steps=precision.WORTH_TIMING - 1) == precision.Choice("float32", False)


def test_timing_really_trains_each_candidate():
    trained = []

    def make_model(xla):
        model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
        model.compile("sgd", "mse", jit_compile=xla)
        trained.append((keras.config.dtype_policy().name, xla))
        return model

    batch = np.zeros((4, 2), "float32"), np.zeros((4, 1), "float32")
    choice = choose("auto", False, make_model=make_model, batch=batch, steps=10_000)
    assert trained == [("float32", False), ("mixed_bfloat16", False)]
    assert all(ms > 0 for ms in choice.step_ms.values())


@pytest.mark.parametrize(
    ("seconds", "steps"),
    [
        ({"float32": 1.0, "mixed_bfloat16": 20.0}, {"float32": 12, "mixed_bfloat16": 1}),
        ({"float32": 20.0, "mixed_bfloat16": 1.0}, {"float32": 3, "mixed_bfloat16": 12}),
        ({"float32": 1.0, "mixed_bfloat16": 1.5}, {"float32": 12, "mixed_bfloat16": 12}),
    ],
)
def test_one_that_cannot_win_is_not_timed_to_the_end(monkeypatch, seconds, steps):
    """Where bfloat16 is emulated, a dozen steps of a ResNet would take minutes."""
    now, taken = [0.0], dict.fromkeys(seconds, 0)
    monkeypatch.setattr(precision.time, "perf_counter", lambda: now[0])

    def step(name):
        now[0] += seconds[name]
        taken[name] += 1

    timed = {name: lambda name=name: step(name) for name in seconds}
    times = precision._median_step_ms(timed)
    assert taken == steps
    assert times == {name: 1000 * value for name, value in seconds.items()}
    taken.update(dict.fromkeys(seconds, 0))
    precision._median_step_ms(timed, all_turns=True)  # workers wait for each other in every step
    assert len(set(taken.values())) == 1


class InPython(keras.layers.Layer):
    """What XLA cannot compile."""

    def call(self, inputs):
        values = tf.numpy_function(lambda x: x, [inputs], tf.float32, stateful=False)
        return tf.ensure_shape(values, inputs.shape)


def in_python():
    return keras.Sequential([keras.Input((2,)), InPython(), keras.layers.Dense(1)])


def by_length():
    """Does not even try."""
    return LengthGroups(keras.Sequential([keras.Input((None,)), keras.layers.Embedding(2, 1)]))


@pytest.mark.parametrize("make", [in_python, by_length])
def test_what_xla_refuses_trains_without_it(make, caplog):
    def make_model(xla):
        model = make()
        model.compile("sgd", "mse", jit_compile=xla)
        return model

    batch = np.zeros((4, 2), "float32"), np.zeros((4, 1), "float32")
    choice = choose("float32", "auto", make_model=make_model, batch=batch, steps=10_000)
    assert (choice.precision, choice.xla) == ("float32", False)
    assert "XLA cannot compile this model" in caplog.text


def test_the_policy_from_before_returns_after_an_error():
    with pytest.raises(RuntimeError), dtype_policy("mixed_bfloat16"):
        raise RuntimeError
    assert keras.config.dtype_policy().name == "float32"
