"""Groups by length: the step of the whole batch, with less padding."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerazoo.errors import ConfigError, DataError
from kerazoo.losses import SmoothedCrossentropy
from kerazoo.metrics import TokenAccuracy
from kerazoo.models.translator import translator
from kerazoo.training.steps import LengthGroups

RNG = np.random.default_rng(0)


def sequences(count, length=9):
    """Padded at the end, of 1 to `length` numbers."""
    numbers = RNG.integers(1, 12, (count, length), np.int32)
    return np.where(np.arange(length) < RNG.integers(1, length + 1, (count, 1)), numbers, 0)


SOURCE, PREFIX = sequences(11), sequences(11)
TARGETS = np.where(PREFIX > 0, RNG.integers(1, 12, PREFIX.shape), 0).astype(np.int32)
INPUTS = {"source": SOURCE, "prefix": PREFIX}


def net():
    keras.utils.set_random_seed(1)
    return translator(12, units=8, blocks=1, num_heads=2, hidden_units=8, dropout=0.0)


def compiled(model, **kwargs):
    metrics = [TokenAccuracy(ignore_class=0)]
    loss = SmoothedCrossentropy(0.1, ignore_class=0)
    model.compile(keras.optimizers.SGD(0.5), loss, metrics=metrics, jit_compile=False, **kwargs)
    return model


@pytest.fixture(scope="module")
def plain():
    """Weights and logs after a step of `keras.Model`'s own."""
    model = compiled(net(), run_eagerly=True)
    logs = model.fit(INPUTS, TARGETS, batch_size=11, verbose=0).history
    return model.get_weights(), logs


@pytest.mark.parametrize(("groups", "eager"), [(1, True), (3, False)])
def test_the_step_is_that_of_the_whole_batch(plain, groups, eager):
    wrapper = compiled(LengthGroups(net(), groups=groups), run_eagerly=eager)
    logs = wrapper.fit(INPUTS, TARGETS, batch_size=11, verbose=0).history
    weights, expected = plain
    for own, other in zip(wrapper.model.get_weights(), weights, strict=True):
        np.testing.assert_allclose(own, other, atol=1e-5)
    assert logs.keys() == expected.keys() == {"loss", "token_accuracy"}
    for name, values in expected.items():
        assert logs[name] == pytest.approx(values, rel=1e-5)


def test_fewer_samples_than_groups_are_no_harm():
    few, many = small(groups=2), small(groups=4)
    for wrapper in (few, many):
        wrapper.train_on_batch(PREFIX[:2], TARGETS[:2])
    for own, other in zip(many.model.get_weights(), few.model.get_weights(), strict=True):
        np.testing.assert_allclose(own, other, atol=1e-6)


def small(**arguments):
    """A wrapper that compiles in no time, around logits of each number alone."""
    keras.utils.set_random_seed(1)
    numbers = keras.Input((None,), dtype="int32")
    return compiled(
        LengthGroups(keras.Model(numbers, keras.layers.Embedding(12, 12)(numbers)), **arguments)
    )


def test_the_length_of_a_batch_need_not_be_known_before():
    plan = tf.TensorSpec((None, None), tf.int32)
    data = tf.data.Dataset.from_generator(
        lambda: iter([(PREFIX, TARGETS)]), output_signature=(plan, plan)
    )
    known, unknown = small(groups=3), small(groups=3)
    known.train_on_batch(PREFIX, TARGETS)
    unknown.fit(data, steps_per_epoch=1, verbose=0)
    for own, other in zip(unknown.model.get_weights(), known.model.get_weights(), strict=True):
        np.testing.assert_allclose(own, other, atol=1e-6)


def test_a_batch_of_padding_alone_changes_nothing():
    wrapper, nothing = small(groups=2), np.zeros((3, 4), "int32")
    before = wrapper.model.get_weights()
    assert wrapper.train_on_batch(nothing, nothing, return_dict=True)["loss"] == 0
    for old, new in zip(before, wrapper.model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


class Watching(keras.layers.Layer):
    """Shows what goes through."""

    def __init__(self, show):
        super().__init__()
        self.show = show

    def call(self, numbers):
        self.show(np.asarray(numbers))
        return numbers

    def compute_output_spec(self, numbers):
        return keras.KerasTensor(numbers.shape, numbers.dtype)


def test_groups_are_cut():
    seen = []
    numbers = keras.Input((None,), dtype="int32")
    outputs = keras.layers.Embedding(12, 12)(Watching(seen.append)(numbers))
    wrapper = LengthGroups(keras.Model(numbers, outputs), groups=3)
    wrapper.compile("sgd", SmoothedCrossentropy(ignore_class=0), run_eagerly=True)
    wrapper.train_on_batch(PREFIX, TARGETS)
    assert all(group[:, -1].any() for group in seen)
    rows = [row[row > 0].tolist() for group in seen for row in group]
    assert [len(row) for row in rows] == sorted((PREFIX > 0).sum(axis=1))
    assert sorted(rows) == sorted(row[row > 0].tolist() for row in PREFIX)


def test_targets_may_be_shorter_than_inputs():
    """Those of the next token: one less than inputs in each sample, as `[2, 3]` of `[1, 2, 3]`."""
    following = np.pad(PREFIX[:, 1:], ((0, 0), (0, 1)))
    wrapper = small(groups=3)
    keras.utils.set_random_seed(1)
    plain = compiled(keras.models.clone_model(wrapper.model))
    plain.set_weights(wrapper.model.get_weights())
    logs = [m.train_on_batch(PREFIX, following, return_dict=True) for m in (wrapper, plain)]
    assert logs[0] == pytest.approx(logs[1], rel=1e-5)
    for own, other in zip(wrapper.model.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_allclose(own, other, atol=1e-6)


def test_xla_is_never_used(monkeypatch):
    wrapper = small()
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda *_: [FakeGPU])
    wrapper.compile("sgd", SmoothedCrossentropy(ignore_class=0))
    assert wrapper.jit_compile is False
    assert keras.models.clone_model(wrapper.model)._resolve_auto_jit_compile() is True
    with pytest.raises(ConfigError, match="`jit_compile` must be False or 'auto'.*Received: True"):
        wrapper.compile("sgd", jit_compile=True)


class FakeGPU:
    device_type = "GPU"


def test_weights_and_other_shapes_are_refused():
    wrapper = compiled(LengthGroups(net()))
    with pytest.raises(DataError, match="without sample weights. Received: .* and sample weights"):
        wrapper.fit(INPUTS, TARGETS, sample_weight=np.ones(11), verbose=0)
    with pytest.raises(DataError, match=r"takes inputs and targets \(batch, time\)"):
        wrapper.fit(INPUTS, TARGETS[..., None], verbose=0)


@pytest.mark.parametrize("arguments", [{"groups": 0}, {"padding": -1}])
def test_arguments_out_of_range_are_refused(arguments):
    with pytest.raises(ConfigError, match=f"`{next(iter(arguments))}`"):
        LengthGroups(net(), **arguments)


def test_config_has_every_argument():
    wrapper = LengthGroups(net(), groups=2, padding=5)
    again = LengthGroups.from_config(wrapper.get_config())
    assert (again.groups, again.padding) == (2, 5)
