"""`Batches`: from any epoch and step on, the batches of the whole run."""

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kerazoo.datasets import Augment, Batches
from kerazoo.datasets.checksum import checksum
from kerazoo.errors import ConfigError, DataError, UnknownNameError

NUMBERS = np.arange(23)
IMAGES = np.random.default_rng(0).integers(0, 256, (23, 8, 8, 1)).astype("uint8")


def run(batches, epochs, epoch=0, step=0):
    left = (epochs - epoch) * len(batches) - step
    return list(batches.starting_at(epoch, step).take(left).as_numpy_iterator())


@cache
def shifted(size):
    """Batches of so many, and all of three epochs."""
    batches = Batches(IMAGES, NUMBERS, batch_size=size, augment=Augment(shift=0.2), seed=2)
    return batches, run(batches, epochs=3)


@settings(max_examples=15)
@given(epoch=st.integers(0, 2), step=st.integers(0, 4), size=st.sampled_from([5, 11, 22, 23]))
def test_from_any_step_on_come_the_batches_of_the_whole_run(epoch, step, size):
    batches, whole = shifted(size)
    step = min(step, len(batches) - 1)
    rest = run(batches, 3, epoch, step)
    assert len(rest) == len(whole) - epoch * len(batches) - step
    for (x, y), (later_x, later_y) in zip(whole[::-1], rest[::-1], strict=False):
        np.testing.assert_array_equal(x, later_x)
        np.testing.assert_array_equal(y, later_y)


def test_each_epoch_has_every_sample_once_in_an_order_of_its_own():
    batches = Batches(NUMBERS, NUMBERS, batch_size=5)
    labels = [y.tolist() for _, y in run(batches, epochs=2)]
    assert [len(y) for y in labels] == [5, 5, 5, 5, 3] * 2
    first, second = np.concatenate(labels[:5]), np.concatenate(labels[5:])
    assert sorted(first) == sorted(second) == NUMBERS.tolist()
    assert (first != second).any()
    ordered = Batches(NUMBERS, NUMBERS, batch_size=5, shuffle=False)
    np.testing.assert_array_equal(np.concatenate([y for _, y in run(ordered, epochs=1)]), NUMBERS)


def test_the_fingerprint_changes_with_every_sample_and_argument():
    arguments = {"batch_size": 4, "shuffle": True, "augment": None, "seed": 0}
    known = {Batches(IMAGES, NUMBERS, **arguments).fingerprint()}
    for change in (
        {"batch_size": 5},
        {"shuffle": False},
        {"augment": Augment(shift=0.1)},
        {"seed": 1},
    ):
        known.add(Batches(IMAGES, NUMBERS, **{**arguments, **change}).fingerprint())
    changed = IMAGES.copy()
    changed[7, 3, 3] += 1
    known.add(Batches(changed, NUMBERS, **arguments).fingerprint())
    known.add(Batches(IMAGES, NUMBERS[::-1], **arguments).fingerprint())
    assert len(known) == 7
    again = Batches(IMAGES.copy(), NUMBERS.copy(), **arguments).fingerprint()
    assert again in known


@pytest.mark.parametrize("dtype", [object, "U5", "S5"])
def test_texts_have_fingerprints_too(dtype):
    def fingerprint(word):
        return Batches(np.array([word, "b"], dtype), np.arange(2), batch_size=1).fingerprint()

    assert fingerprint("".join(["a", "c"])) == fingerprint("ac")
    assert fingerprint("ac") != fingerprint("ad")


@pytest.mark.parametrize(
    ("inputs", "targets", "changes", "says"),
    [
        (IMAGES, NUMBERS[:-1], {}, "23 and 22"),
        (IMAGES[:0], NUMBERS[:0], {}, "0 and 0"),
        (NUMBERS[0], NUMBERS, {}, "as an array or a list. Received: one int"),
        ([[1], [1, 2]], [0, 1], {}, "Received: a list whose parts differ in length"),
        (NUMBERS, NUMBERS, {"augment": Augment(shift=0.1)}, "is for images"),
        (IMAGES, NUMBERS, {"augment": Augment(shift=0.9)}, "`augment`"),
    ],
)
def test_what_makes_no_batches_is_refused(inputs, targets, changes, says):
    with pytest.raises(DataError, match=says):
        Batches(inputs, targets, **{"batch_size": 4, **changes})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("batch_size", value) for value in (0, 2.5, "4", True)],
        *[("seed", value) for value in (-1, 2**31, 2**70, None, 0.5)],
    ],
)
def test_sizes_and_seeds_are_integers_in_their_range(name, value):
    with pytest.raises(ConfigError, match=f"`{name}` must be an integer of .* Received: {value!r}"):
        Batches(NUMBERS, NUMBERS, **{"batch_size": 4, name: value})


@pytest.mark.parametrize("array", [np.zeros((3, 0)), np.zeros(3, "datetime64[s]")])
def test_odd_arrays_have_checksums_too(array):
    assert checksum(array) == checksum(array.copy()) != checksum(array[1:])


@pytest.mark.parametrize(("size", "samples"), [(5, 23), (23, 23), (7, 3)])
def test_padded_batches_have_one_shape_and_weights_that_count_each_sample_once(size, samples):
    few = NUMBERS[:samples]
    batches = Batches(few, few, batch_size=size, shuffle=False, last_batch="padded")
    assert [spec.shape for spec in batches.starting_at().element_spec] == [(size,)] * 3
    found = run(batches, epochs=2)
    assert len(found) == 2 * len(batches) == 2 * -(-samples // size)
    for epoch in (found[: len(batches)], found[len(batches) :]):
        x, y, weights = (np.concatenate(parts) for parts in zip(*epoch, strict=True))
        np.testing.assert_array_equal(x, y)
        np.testing.assert_array_equal(x[weights == 1], few)
        assert set(weights.tolist()) <= {0.0, 1.0}
    np.testing.assert_array_equal(run(batches, 1, step=len(batches) - 1)[0][2], epoch[-1][2])


def test_padding_leaves_the_numbers_of_evaluate_as_they_are(tensorflow_backend):
    import keras

    x = np.random.default_rng(0).normal(size=(11, 4)).astype("float32")
    y = np.arange(11) % 3
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(loss=loss, weighted_metrics=["accuracy"])
    padded = Batches(x, y, batch_size=4, shuffle=False, last_batch="padded")
    dataset = padded.starting_at().take(len(padded))
    found = model.evaluate(dataset, verbose=0, return_dict=True)
    logits = model(x).numpy()
    assert found["accuracy"] == pytest.approx(np.mean(logits.argmax(1) == y))


def test_dropped_batches_have_one_shape_and_are_the_whole_ones():
    batches = Batches(NUMBERS, NUMBERS, batch_size=5, seed=3, last_batch="dropped")
    assert [spec.shape for spec in batches.starting_at().element_spec] == [(5,)] * 2
    whole = run(Batches(NUMBERS, NUMBERS, batch_size=5, seed=3), epochs=2)
    expected = [y.tolist() for _, y in whole if len(y) == 5]
    assert len(batches) == 4
    assert [y.tolist() for _, y in run(batches, epochs=2)] == expected
    with pytest.raises(DataError, match="23 samples do not fill one batch of 24"):
        Batches(NUMBERS, NUMBERS, batch_size=24, last_batch="dropped")


def test_the_last_batch_is_part_of_the_fingerprint_and_its_kinds_are_known():
    prints = {
        Batches(NUMBERS, NUMBERS, batch_size=5, last_batch=kind).fingerprint()
        for kind in ("smaller", "dropped", "padded")
    }
    assert len(prints) == 3
    with pytest.raises(UnknownNameError, match="Did you mean 'padded'"):
        Batches(NUMBERS, NUMBERS, batch_size=5, last_batch="pad")
