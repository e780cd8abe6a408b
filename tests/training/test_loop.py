"""`Loop`: `fit`'s numbers, callbacks, any strategy, and a run that is stopped at any step."""

import os
import signal
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerazoo.datasets import Batches
from kerazoo.errors import ConfigError, DataError, RunError
from kerazoo.training import Loop
from kerazoo.training.batch_source import batch_source
from kerazoo.training.precision import dtype_policy

RNG = np.random.default_rng(0)
X = RNG.normal(size=(100, 6)).astype("float32")
Y = RNG.integers(0, 3, 100)
WEIGHTS = RNG.uniform(0.5, 2, 100).astype("float32")


class KeptBatches(Batches):
    """Makes each pipeline once: nothing in it changes, and tracing it is a third of a short run."""

    def starting_at(self, *place):
        pipelines = vars(self).setdefault("pipelines", {})
        if place not in pipelines:
            pipelines[place] = super().starting_at(*place)
        return pipelines[place]


BATCHES = KeptBatches(X, Y, batch_size=16, seed=5)
HELD_OUT = KeptBatches(X[:30], Y[:30], batch_size=8, shuffle=False)


def make_model(**compile_arguments):
    """Statistics, random draws, momentum and averages, in as few variables as can be: each test
    compiles it several times."""
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [
            keras.Input((6,)),
            keras.layers.BatchNormalization(center=False, scale=False),
            keras.layers.Dropout(0.3),
            keras.layers.Dense(3),
        ]
    )
    model.compile(
        keras.optimizers.SGD(0.1, momentum=0.9, use_ema=True, ema_momentum=0.9),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        **compile_arguments,
    )
    return model


def assert_same_weights(model, other):
    for mine, theirs in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize("compile_arguments", [{}, {"jit_compile": True}, {"run_eagerly": True}])
def test_losses_metrics_and_weights_are_those_of_fit(compile_arguments):
    fitted, looped = make_model(**compile_arguments), make_model(**compile_arguments)
    batches, held_out = BATCHES, HELD_OUT
    if "jit_compile" in compile_arguments:  # XLA compiles for each size of a batch
        batches = Batches(X[:96], Y[:96], batch_size=32)
        held_out = Batches(X[:32], Y[:32], batch_size=32, shuffle=False)
    history = fitted.fit(
        batches.starting_at(0),
        epochs=2,
        steps_per_epoch=len(batches),
        validation_data=held_out.starting_at(0).take(len(held_out)),
        validation_steps=len(held_out),
        verbose=0,
    ).history
    ours = Loop(looped).fit(batches, epochs=2, validation=held_out, progress=False)
    assert ours.keys() == history.keys()
    for name, values in history.items():
        np.testing.assert_allclose(ours[name], values, rtol=1e-6, err_msg=name)
    for mine, theirs in zip(looped.get_weights(), fitted.get_weights(), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-5, atol=1e-6)


def test_a_plain_dataset_with_sample_weights():
    dataset = tf.data.Dataset.from_tensor_slices((X, Y, WEIGHTS)).batch(16)
    fitted, looped = make_model(), make_model()
    history = fitted.fit(dataset, epochs=2, verbose=0).history
    ours = Loop(looped).fit(dataset, epochs=2, progress=False)
    np.testing.assert_allclose(ours["loss"], history["loss"], rtol=1e-6)


def test_callbacks_see_what_they_see_in_fit():
    class Record(keras.callbacks.Callback):
        def __init__(self):
            super().__init__()
            self.calls = []

        def __getattribute__(self, name):
            if name.startswith("on_") and "predict" not in name:
                return lambda *arguments, **_: self.calls.append(
                    (name, *(a for a in arguments if isinstance(a, int)))
                )
            return super().__getattribute__(name)

    fitted, looped = Record(), Record()
    make_model().fit(
        BATCHES.starting_at(0),
        epochs=2,
        steps_per_epoch=len(BATCHES),
        validation_data=HELD_OUT.starting_at(0).take(len(HELD_OUT)),
        validation_steps=len(HELD_OUT),
        callbacks=[fitted],
        verbose=0,
    )
    Loop(make_model()).fit(
        BATCHES, epochs=2, validation=HELD_OUT, callbacks=[looped], progress=False
    )
    assert looped.calls == fitted.calls


def test_a_callback_ends_the_run_for_good(tmp_path):
    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.stop_training = epoch == 1

    arguments = {"epochs": 5, "callbacks": [Stop()], "progress": False}
    first, again = make_model(), make_model()
    history = Loop(first, checkpoints=tmp_path).fit(BATCHES, **arguments)
    assert len(history["loss"]) == 2
    assert Loop(again, checkpoints=tmp_path).fit(BATCHES, **arguments) == history
    assert_same_weights(again, first)


class StopAfter(keras.callbacks.Callback):
    """Ends the process' work in the middle of an epoch, as an error in it would."""

    def __init__(self, steps):
        super().__init__()
        self.steps = steps

    def on_train_batch_end(self, batch, logs=None):
        self.steps -= 1
        if self.steps == 0:
            raise ZeroDivisionError


@pytest.fixture(scope="module")
def unbroken():
    model = make_model()
    history = Loop(model).fit(BATCHES, epochs=3, validation=HELD_OUT, progress=False)
    return model, history


@pytest.mark.parametrize(
    ("kills", "every"),
    [([1], 1), ([6, 7], 3), ([14], 7), ([20], None)],
)
def test_a_run_broken_anywhere_ends_as_the_unbroken_one(unbroken, tmp_path, kills, every):
    for steps in kills:
        with pytest.raises(ZeroDivisionError):
            Loop(make_model(), checkpoints=tmp_path, checkpoint_every=every).fit(
                BATCHES,
                epochs=3,
                validation=HELD_OUT,
                callbacks=[StopAfter(steps)],
                progress=False,
            )
    model = make_model()
    history = Loop(model, checkpoints=tmp_path).fit(
        BATCHES, epochs=3, validation=HELD_OUT, progress=False
    )
    assert history == unbroken[1]
    assert_same_weights(model, unbroken[0])


def test_several_steps_per_execution_change_nothing(unbroken, tmp_path):
    """Calls of one step and of two: three lie between checkpoints, and seven make an epoch."""

    def fit(**arguments):
        model = make_model(steps_per_execution=2)
        loop = Loop(model, checkpoints=tmp_path, checkpoint_every=3)
        return model, loop.fit(BATCHES, epochs=3, validation=HELD_OUT, progress=False, **arguments)

    with pytest.raises(ZeroDivisionError):
        fit(callbacks=[StopAfter(4)])
    assert max(path.stem for path in tmp_path.iterdir()) == "000000-00000003"
    model, history = fit()
    assert history == unbroken[1]
    assert_same_weights(model, unbroken[0])


class Ask(keras.callbacks.Callback):
    """Sends this process a signal where a name of a callback's method says."""

    def __init__(self, *numbers, where, batch=0, epoch=0):
        super().__init__()

        def send(position, logs=None):
            if position == (batch if "batch" in where else epoch):
                for number in numbers:
                    signal.raise_signal(number)

        setattr(self, where, send)


PLACES = [
    ({"where": "on_train_batch_end", "batch": 2}, 3, "000000-00000003"),
    ({"where": "on_train_batch_end", "batch": 6}, 7, "000000-00000007"),  # the last of the epoch
    ({"where": "on_test_batch_begin", "batch": 1}, 7, "000001-00000000"),
    ({"where": "on_epoch_end"}, 7, "000001-00000000"),
]


@pytest.mark.parametrize(("place", "steps", "file"), PLACES)
def test_ctrl_c_loses_nothing(unbroken, tmp_path, place, steps, file, notices):
    arguments = {"epochs": 3, "validation": HELD_OUT, "progress": False}
    with pytest.raises(KeyboardInterrupt):
        Loop(make_model(), checkpoints=tmp_path).fit(
            BATCHES, callbacks=[Ask(signal.SIGINT, **place)], **arguments
        )
    assert max(path.stem for path in tmp_path.iterdir()) == file
    assert any(f"Stopped after {steps} steps. The same call goes on" in n for n in notices())
    model = make_model()
    assert Loop(model, checkpoints=tmp_path).fit(BATCHES, **arguments) == unbroken[1]
    assert_same_weights(model, unbroken[0])
    assert any(f"goes on after its {steps} steps" in line for line in notices())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_program_with_a_handler_gets_an_error_not_a_half_trained_model(tmp_path, number):
    seen = []
    before = signal.signal(number, lambda *_: seen.append("the program's own handler"))
    try:
        with pytest.raises(RunError, match="Stopped after 3 steps"):
            Loop(make_model(), checkpoints=tmp_path).fit(
                BATCHES,
                epochs=3,
                callbacks=[Ask(number, **PLACES[0][0])],
                progress=False,
            )
        assert signal.getsignal(number) is not signal.SIG_DFL
    finally:
        signal.signal(number, before)
    assert seen == ["the program's own handler"]
    assert [path.stem for path in tmp_path.iterdir()] == ["000000-00000003"]


def test_a_signal_that_is_ignored_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as under nohup
    try:
        ask = Ask(signal.SIGHUP, **PLACES[0][0])
        history = Loop(make_model()).fit(BATCHES, epochs=1, callbacks=[ask], progress=False)
    finally:
        signal.signal(signal.SIGHUP, before)
    assert len(history["loss"]) == 1


def test_a_loop_without_checkpoints_goes_on_after_a_callback_ended_it():
    loop = Loop(make_model())
    stop = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: setattr(loop.model, "stop_training", True)
    )
    loop.fit(BATCHES, epochs=5, callbacks=[stop], progress=False)
    assert len(loop.fit(BATCHES, epochs=3, progress=False)["loss"]) == 3


def test_a_second_signal_of_either_kind_acts_at_once(tmp_path):
    before = signal.signal(signal.SIGTERM, lambda *_: None)
    try:
        ask = Ask(signal.SIGTERM, signal.SIGINT, **PLACES[0][0])
        with pytest.raises(KeyboardInterrupt):
            Loop(make_model(), checkpoints=tmp_path).fit(
                BATCHES, epochs=3, callbacks=[ask], progress=False
            )
    finally:
        signal.signal(signal.SIGTERM, before)
    assert not list(tmp_path.iterdir())


def test_a_callback_stops_in_the_middle_of_an_epoch_as_in_fit(tmp_path):
    class Stop(keras.callbacks.Callback):
        steps = 0

        def on_train_batch_end(self, batch, logs=None):
            self.steps += 1
            self.model.stop_training = batch == 1

    fitted, looped = Stop(), Stop()
    theirs = make_model().fit(
        BATCHES.starting_at(0),
        epochs=2,
        steps_per_epoch=len(BATCHES),
        callbacks=[fitted],
        verbose=0,
    )
    ours = Loop(make_model(), checkpoints=tmp_path).fit(
        BATCHES, epochs=2, callbacks=[looped], progress=False
    )
    assert looped.steps == fitted.steps == 2
    assert ours["loss"] == pytest.approx(theirs.history["loss"], rel=1e-6)
    assert Loop(make_model(), checkpoints=tmp_path).fit(BATCHES, epochs=2, progress=False) == ours


class TwoOptimizers(keras.Model):
    """As a GAN trains: each part of the weights has an optimizer of its own."""

    def __init__(self):
        super().__init__()
        self.first, self.last = keras.layers.Dense(4), keras.layers.Dense(3)
        self.other = keras.optimizers.Adam(1e-2)

    def call(self, inputs):
        return self.last(self.first(inputs))

    def train_step(self, data):
        x, y = data
        with tf.GradientTape(persistent=True) as tape:
            loss = self.compute_loss(x, y, self(x, training=True))
        for optimizer, layer in ((self.optimizer, self.first), (self.other, self.last)):
            weights = layer.trainable_variables
            optimizer.apply(tape.gradient(loss, weights), weights)
        return {"loss": loss, "nested": {"twice": 2 * loss}}


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param("two optimizers", marks=pytest.mark.slow),
        "mixed_float16",
        pytest.param("jit_compile", marks=pytest.mark.slow),
        "run_eagerly",
    ],
)
def test_whatever_the_model_it_resumes_exactly(tmp_path, kind):
    def make():
        if kind == "two optimizers":
            keras.utils.set_random_seed(1)
            model = TwoOptimizers()
            model.build((None, 6))
            loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
            model.compile(keras.optimizers.Adam(1e-2), loss)
            return model
        if kind == "mixed_float16":
            with dtype_policy("mixed_float16"):
                return make_model()
        return make_model(**{kind: True})

    whole, resumed = make(), make()
    history = Loop(whole).fit(BATCHES, epochs=2, progress=False)
    with pytest.raises(ZeroDivisionError):
        Loop(make(), checkpoints=tmp_path, checkpoint_every=4).fit(
            BATCHES, epochs=2, callbacks=[StopAfter(10)], progress=False
        )
    assert Loop(resumed, checkpoints=tmp_path).fit(BATCHES, epochs=2, progress=False) == history
    assert_same_weights(resumed, whole)
    if kind == "two optimizers":
        assert history["twice"] == pytest.approx([2 * loss for loss in history["loss"]])


class CalledByItsStep(keras.Model):
    """Takes more than its inputs, which only its train step gives."""

    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(3)

    def call(self, x, factor):
        return factor * self.dense(x)

    def train_step(self, data):
        x, y = data[:2]
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(
                keras.losses.sparse_categorical_crossentropy(y, self(x, factor=2.0), True)
            )
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
        return {"own_loss": loss}


def test_a_model_that_only_its_step_can_call():
    keras.utils.set_random_seed(0)
    model = CalledByItsStep()
    model.compile("sgd")
    losses = Loop(model).fit(BATCHES, epochs=3, progress=False)["own_loss"]
    assert losses[-1] < losses[0]


def test_a_model_is_trained_on_by_another_loop(tmp_path):
    """Mixed float16: its optimizer is built by then, and is not built again."""
    with dtype_policy("mixed_float16"):
        model = make_model()
    Loop(model, checkpoints=tmp_path).fit(BATCHES, epochs=1, progress=False)
    assert (
        len(Loop(model, checkpoints=tmp_path).fit(BATCHES, epochs=2, progress=False)["loss"]) == 2
    )


def test_a_damaged_checkpoint_costs_the_steps_since_the_one_before(unbroken, tmp_path, notices):
    arguments = {"epochs": 3, "validation": HELD_OUT, "progress": False}
    Loop(make_model(), checkpoints=tmp_path).fit(BATCHES, **{**arguments, "epochs": 2})
    newest = max(tmp_path.iterdir())
    newest.write_bytes(newest.read_bytes()[:-1])
    model = make_model()
    assert Loop(model, checkpoints=tmp_path).fit(BATCHES, **arguments) == unbroken[1]
    assert_same_weights(model, unbroken[0])
    assert any("is damaged" in line and "skipped" in line for line in notices())


def test_a_dataset_that_repeats_itself_resumes_exactly(tmp_path):
    dataset = tf.data.Dataset.from_tensor_slices((X, Y)).batch(16)
    whole, resumed = make_model(), make_model()
    history = Loop(whole).fit(dataset, epochs=2, progress=False)
    with pytest.raises(ZeroDivisionError):
        Loop(make_model(), checkpoints=tmp_path, checkpoint_every=4).fit(
            dataset, epochs=2, callbacks=[StopAfter(10)], progress=False
        )
    assert Loop(resumed, checkpoints=tmp_path).fit(dataset, epochs=2, progress=False) == history
    assert_same_weights(resumed, whole)


def unordered():
    options = tf.data.Options()
    options.deterministic = False
    return options


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data.shuffle(100).batch(16),
        lambda data: data.batch(16).shuffle(2),
        lambda data: data.shuffle(100, reshuffle_each_iteration=False).batch(16),
        lambda data: tf.data.Dataset.range(2).flat_map(lambda _: data.shuffle(9)).batch(16),
        lambda data: data.batch(16).map(lambda x, y: (x + tf.random.uniform([]), y)),
        lambda data: data.map(lambda x, y: (x, y), num_parallel_calls=2, deterministic=False).batch(
            16
        ),
        lambda data: data.batch(16).with_options(unordered()),
    ],
)
def test_batches_with_chance_in_them_have_no_fingerprint(change):
    dataset = change(tf.data.Dataset.from_tensor_slices((X, Y)))
    steps = None if dataset.cardinality() > 0 else 5
    with pytest.raises(DataError, match=r"kerazoo\.datasets\.Batches"):
        batch_source(dataset, steps).fingerprint()


def test_batches_with_chance_in_them_are_refused_where_it_matters(tmp_path):
    dataset = tf.data.Dataset.from_tensor_slices((X, Y)).shuffle(100).batch(16)
    with pytest.raises(DataError, match=r"kerazoo\.datasets\.Batches"):
        Loop(make_model(), checkpoints=tmp_path).fit(dataset, epochs=1, progress=False)
    history = Loop(make_model()).fit(dataset, epochs=1, progress=False)
    assert len(history["loss"]) == 1


def test_other_batches_than_the_run_began_with_are_refused(tmp_path):
    Loop(make_model(), checkpoints=tmp_path).fit(BATCHES, epochs=1, progress=False)
    others = [
        Batches(X, Y, batch_size=16, seed=6),
        Batches(X, Y, batch_size=20, seed=5),
        Batches(X + 1, Y, batch_size=16, seed=5),
    ]
    for other in others:
        assert batch_source(other).fingerprint() != batch_source(BATCHES).fingerprint()
    with pytest.raises(RunError, match="was started on other batches"):
        Loop(make_model(), checkpoints=tmp_path).fit(others[0], epochs=2, progress=False)


def test_what_cannot_be_trained_is_refused():
    with pytest.raises(ConfigError, match="is not compiled"):
        Loop(keras.Sequential([keras.Input((6,)), keras.layers.Dense(3)]))
    with pytest.raises(ConfigError, match=r"`checkpoint_every` must be an integer of 1 or above"):
        Loop(make_model(), checkpoint_every=0)
    loop = Loop(make_model())
    endless = tf.data.Dataset.from_tensor_slices((X, Y)).batch(16).repeat()
    with pytest.raises(ConfigError, match=r"`epochs` must be an integer of 1 or above"):
        loop.fit(BATCHES, epochs=0)
    with pytest.raises(DataError, match="pass `steps_per_epoch`"):
        loop.fit(endless, epochs=1)
    with pytest.raises(ConfigError, match=r"`steps_per_epoch` must be an integer .*: 2.5"):
        loop.fit(endless, epochs=1, steps_per_epoch=2.5)
    with pytest.raises(DataError, match="The dataset has no batches"):
        loop.fit(endless.take(0), epochs=1)
    with pytest.raises(DataError, match="Received: tuple"):
        loop.fit((X, Y), epochs=1)
    with pytest.raises(DataError, match="Received: 3 with batches that know it: 7"):
        loop.fit(BATCHES, epochs=1, steps_per_epoch=3)
    assert len(loop.fit(endless, epochs=2, steps_per_epoch=3, progress=False)["loss"]) == 2


def test_a_metric_with_several_values_is_a_list_in_the_history():
    from kerazoo.metrics import PrecisionAtK

    model = make_model()
    model.compile(
        "adam",
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=[PrecisionAtK(k=2, average=None, name="precision")],
    )
    (values,) = Loop(model).fit(BATCHES, epochs=1, progress=False)["precision"]
    assert len(values) == 3


MIRRORED = """
import sys, tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
import keras, numpy as np
from kerazoo.training import Loop
from tests.training.test_loop import X, Y, StopAfter, Batches

def make():
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(16, "relu"),
                              keras.layers.Dense(3)])
    model.compile(keras.optimizers.Adam(1e-2, use_ema=True),
                  keras.losses.SparseCategoricalCrossentropy(from_logits=True),
                  metrics=["accuracy"])
    return model

batches = Batches(X[:96], Y[:96], batch_size=16)
held_out = Batches(X[:32], Y[:32], batch_size=8, shuffle=False)
arguments = dict(epochs=2, validation=held_out, progress=False)
one = Loop(make()).fit(batches, **arguments)
with tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope():
    whole, broken, resumed = make(), make(), make()
two = Loop(whole).fit(batches, **arguments)
for name, values in one.items():
    np.testing.assert_allclose(two[name], values, atol=1e-5, err_msg=name)
try:
    Loop(broken, checkpoints=sys.argv[1], checkpoint_every=4).fit(
        batches, callbacks=[StopAfter(10)], **arguments)
except ZeroDivisionError:
    pass
assert Loop(resumed, checkpoints=sys.argv[1]).fit(batches, **arguments) == two
for mine, theirs in zip(resumed.get_weights(), whole.get_weights(), strict=True):
    np.testing.assert_array_equal(mine, theirs)
"""


@pytest.mark.slow
def test_two_replicas_give_the_losses_of_one_and_resume_exactly(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", MIRRORED, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.getcwd()},
    )
    assert done.returncode == 0, done.stderr[-3000:]
