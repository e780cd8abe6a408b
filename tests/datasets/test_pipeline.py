"""Batches: every sample once per epoch, the same ones for the same seed in every process."""

import hashlib
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

import kerazoo
from kerazoo.datasets import Augment, Batches, pipeline


def epochs_of(count, batch_size, *, shuffle=True, seed=0, epochs=1):
    """The targets, batch by batch, of some epochs over `count` numbered samples."""
    numbers = np.arange(count)
    batches = pipeline.repeatable_epoch(
        numbers[:, None].astype("float32"),
        numbers,
        batch_size=batch_size,
        shuffle=shuffle,
        augment=None,
        seed=seed,
    )
    return [[targets.tolist() for _, targets in batches.as_numpy_iterator()] for _ in range(epochs)]


def flat(batches):
    return [number for batch in batches for number in batch]


@settings(max_examples=15)
@given(count=st.integers(1, 70), batch_size=st.integers(1, 80), seed=st.integers(0, 2**31 - 1))
def test_every_sample_comes_exactly_once_per_epoch(count, batch_size, seed):
    batches = epochs_of(count, batch_size, seed=seed)[0]
    assert sorted(flat(batches)) == list(range(count))
    full, rest = divmod(count, batch_size)
    assert [len(batch) for batch in batches] == [batch_size] * full + [rest] * bool(rest)
    assert pipeline.steps_per_epoch(count, batch_size) == len(batches)


def test_the_length_is_known():
    digits = kerazoo.datasets.load("digits", "test", batch_size=100)
    assert digits.cardinality() == 18
    assert kerazoo.datasets.load("digits", "test").cardinality() == 1797


def test_without_shuffling_the_order_is_that_of_the_arrays():
    images, labels = kerazoo.datasets.load_numpy("digits", "test")
    found = list(kerazoo.datasets.load("digits", "test", batch_size=500).as_numpy_iterator())
    np.testing.assert_array_equal(np.concatenate([x for x, _ in found]), images)
    np.testing.assert_array_equal(np.concatenate([y for _, y in found]), labels)
    assert found[0][0].dtype == np.uint8


def test_inputs_stay_with_their_targets():
    images, labels = kerazoo.datasets.load_numpy("digits", "test")
    known = {image.tobytes(): label for image, label in zip(images, labels, strict=True)}
    for image, label in kerazoo.datasets.load("digits", "test", shuffle=True).take(50):
        assert known[image.numpy().tobytes()] == label


def test_epochs_and_seeds_differ_and_repeat():
    first, second = epochs_of(60, 8, seed=1, epochs=2)
    assert flat(first) != flat(second)
    assert flat(first) != list(range(60))
    assert [first, second] == epochs_of(60, 8, seed=1, epochs=2)
    assert flat(first) != flat(epochs_of(60, 8, seed=2)[0])


def run_batches(first_epoch=0, epochs=3, seed=3, images=None):
    digits, labels = kerazoo.datasets.load_numpy("digits", "test")
    batches = Batches(
        digits[:50] if images is None else images,
        labels[:50],
        batch_size=16,
        augment=Augment(shift=0.2, rotate=20, elastic=1),
        seed=seed,
    )
    steps = (epochs - first_epoch) * len(batches)
    return list(batches.starting_at(first_epoch).take(steps).as_numpy_iterator())


def test_a_resumed_run_sees_the_images_that_it_would_have_seen():
    whole, rest = run_batches(), run_batches(first_epoch=2)
    assert [len(labels) for _, labels in whole] == [16, 16, 16, 2] * 3
    for (x, y), (resumed_x, resumed_y) in zip(whole[8:], rest, strict=True):
        np.testing.assert_array_equal(x, resumed_x)
        np.testing.assert_array_equal(y, resumed_y)


def test_no_image_is_distorted_twice_in_the_same_way():
    """The very same image 50 times, in 4 batches of 4 epochs: only the distortions differ."""
    same = np.repeat(kerazoo.datasets.load_numpy("digits", "test")[0][:1], 50, axis=0)
    images = np.concatenate([x for x, _ in run_batches(epochs=4, images=same)])
    assert len({image.tobytes() for image in images}) == len(images) == 200


def test_runs_of_other_seeds_see_other_images_in_another_order():
    same = np.repeat(kerazoo.datasets.load_numpy("digits", "test")[0][:1], 50, axis=0)
    (first_x, first_y), (other_x, other_y) = (
        run_batches(epochs=1, seed=seed, images=same)[0] for seed in (0, 1)
    )
    assert first_y.tolist() != other_y.tolist()
    assert not {image.tobytes() for image in first_x} & {image.tobytes() for image in other_x}


def digest():
    """Of augmented, shuffled batches: of two epochs of `load`, and one of a training run."""
    batches = kerazoo.datasets.load(
        "digits", "test", batch_size=50, shuffle=True, augment=True, seed=5
    )
    content = hashlib.sha256()
    for x, y in [
        *batches.take(3).as_numpy_iterator(),
        *batches.take(3).as_numpy_iterator(),
        *run_batches(epochs=1),
    ]:
        content.update(x.tobytes() + y.tobytes())
    return content.hexdigest()


def test_the_global_seed_does_not_matter():
    expected = digest()
    keras.utils.set_random_seed(7)
    assert digest() == expected


def test_epochs_of_load_are_those_of_a_training_run():
    ours = epochs_of(20, 6, seed=4, epochs=3)
    numbers = np.arange(20)
    batches = Batches(numbers[:, None].astype("float32"), numbers, batch_size=6, seed=4)
    run = batches.starting_at().take(3 * len(batches))
    assert flat(ours) == [targets.tolist() for _, targets in run.as_numpy_iterator()]


@pytest.mark.slow
def test_another_process_gives_the_same_batches():
    program = "from tests.datasets.test_pipeline import digest; print(digest())"
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert run.stdout.split()[-1] == digest()


@pytest.mark.parametrize("batch_size", [0, -1])
def test_a_batch_of_nothing_is_refused(batch_size):
    with pytest.raises(kerazoo.KerazooError, match="batch_size"):
        kerazoo.datasets.load("digits", "test", batch_size=batch_size)


@pytest.mark.parametrize("kind", ["starting_at", "repeatable_epoch"])
def test_no_tuner_that_the_end_of_an_iterator_would_wait_for(kind):
    numbers = np.arange(6)
    if kind == "starting_at":
        batches = Batches(numbers[:, None], numbers, batch_size=4).starting_at()
    else:
        batches = pipeline.repeatable_epoch(
            numbers[:, None], numbers, batch_size=4, shuffle=False, augment=None, seed=0
        )
    assert batches.map(lambda x, y: (x, y), tf.data.AUTOTUNE).options().autotune.enabled is False
