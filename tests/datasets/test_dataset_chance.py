"""Datasets that give other batches in another process, and those that do not."""

import types

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras.src.trainers.data_adapters.array_data_adapter import ArrayDataAdapter

from kerazoo.datasets import Batches
from kerazoo.datasets.dataset_chance import is_unordered, is_unseeded
from kerazoo.distribute.uneven_batches import split_batches
from kerazoo.errors import ConfigError

NUMBERS = np.arange(6, dtype="float32")


@pytest.fixture(autouse=True)
def no_global_seed():
    """Others' seeds end here, and that of a test with it."""
    tf.random.set_seed(None)
    yield
    tf.random.set_seed(None)


def numbers():
    return tf.data.Dataset.from_tensor_slices(NUMBERS)


def arrays(shuffle):
    """What `fit` makes of arrays."""
    return ArrayDataAdapter(NUMBERS, NUMBERS, batch_size=2, shuffle=shuffle).get_tf_dataset()


def inner(seed=None):
    return numbers().flat_map(lambda _: numbers().map(lambda x: x).shuffle(3, seed=seed))


def generated():
    return tf.data.Dataset.from_generator(lambda: iter(NUMBERS), output_types="float32")


DRAWING = [
    lambda: numbers().shuffle(3).batch(2),
    lambda: numbers().map(lambda x: x + tf.random.uniform([])),
    lambda: tf.data.Dataset.sample_from_datasets([numbers(), numbers()]),
    lambda: arrays(True),
    lambda: arrays("batch"),
    inner,
    generated,
]
SAME = [
    lambda: numbers().shuffle(3, seed=0).batch(2),
    lambda: numbers().map(lambda x: x + tf.random.uniform([], seed=1)),
    lambda: numbers().map(lambda x: x + tf.random.stateless_uniform([], (1, 2))),
    lambda: arrays(False),
    lambda: inner(seed=5),
    lambda: Batches(NUMBERS, NUMBERS, batch_size=2).starting_at(),
]


@pytest.mark.parametrize("make", DRAWING)
def test_what_draws_without_a_seed_is_told(make):
    assert is_unseeded(make())
    keras.utils.set_random_seed(1)
    assert not is_unseeded(make())


@pytest.mark.parametrize("make", SAME)
def test_what_has_seeds_of_its_own_is_told(make):
    assert not is_unseeded(make())


def in_threads(deterministic):
    return numbers().map(lambda x: x, num_parallel_calls=2, deterministic=deterministic)


def with_option(deterministic):
    options = tf.data.Options()
    options.deterministic = deterministic
    return numbers().with_options(options).batch(2)


@pytest.mark.parametrize(
    "make",
    [in_threads, with_option, lambda value: numbers().flat_map(lambda _: in_threads(value))],
)
def test_what_keeps_no_order_is_told(make):
    assert is_unordered(make(False))
    assert not is_unordered(make(True))


@pytest.mark.parametrize(
    ("make", "says"), [(arrays, "set_random_seed"), (lambda _: in_threads(False), "keep an order")]
)
def test_several_workers_refuse_batches_that_differ(make, says):
    dataset = make(True)
    place = tf.distribute.InputContext(num_input_pipelines=2, num_replicas_in_sync=2)
    strategy = types.SimpleNamespace(distribute_datasets_from_function=lambda parts: parts(place))
    with pytest.raises(ConfigError, match=says):
        split_batches(strategy, dataset)
