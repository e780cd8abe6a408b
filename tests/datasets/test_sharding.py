"""Parts of all workers against the whole: every sample once, in the batches of a single process."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from kerazoo.datasets import Augment, Batches, load, shard, shard_files
from kerazoo.errors import ConfigError, DataError

WORKERS = st.integers(1, 5)


def batches_of(data, count):
    return [
        tf.nest.map_structure(np.array, batch) for batch in data.take(count).as_numpy_iterator()
    ]


@settings(max_examples=10)
@given(
    samples=st.integers(1, 17),
    size=st.integers(1, 7),
    workers=WORKERS,
    step=st.integers(0, 2),
    last=st.sampled_from(["smaller", "padded"]),
)
def test_parts_of_batches_are_the_single_process_s(samples, size, workers, step, last):
    numbers = np.arange(samples)
    batches = Batches(numbers, -numbers, batch_size=size, seed=1, last_batch=last)
    step = min(step, len(batches) - 1)
    count = 2 * len(batches) - step
    whole = batches_of(batches.starting_at(0, step), count)
    parts = [shard(batches, workers, i) for i in range(workers)]
    assert {len(part) for part in parts} == {len(batches)}
    assert {part.fingerprint() for part in parts} == {batches.fingerprint()}
    own = [batches_of(part.starting_at(0, step), count) for part in parts]
    for number, batch in enumerate(whole):
        sizes = [len(worker[number][0]) for worker in own]
        assert max(sizes) - min(sizes) <= 1
        for place, component in enumerate(batch):
            together = np.concatenate([worker[number][place] for worker in own])
            np.testing.assert_array_equal(together, component)


@settings(max_examples=8)
@given(sizes=st.lists(st.integers(0, 9), min_size=1, max_size=4), workers=WORKERS)
def test_parts_of_a_dataset_are_its_batches(sizes, workers):
    numbers = iter(np.arange(sum(sizes)))
    made = [[next(numbers) for _ in range(size)] for size in sizes]
    dataset = tf.data.Dataset.from_generator(
        lambda: ({"x": batch, "y": (batch,)} for batch in made),
        output_signature={
            "x": tf.TensorSpec([None], tf.int64),
            "y": (tf.TensorSpec([None], tf.int64),),
        },
    )
    own = [list(shard(dataset, workers, i).as_numpy_iterator()) for i in range(workers)]
    for number, batch in enumerate(made):
        assert [n for worker in own for n in worker[number]["x"].tolist()] == batch
        assert [n for worker in own for n in worker[number]["y"][0].tolist()] == batch


def test_a_part_of_a_distorted_batch_is_distorted_as_in_the_whole():
    images = np.random.default_rng(0).integers(0, 256, (7, 8, 8, 1)).astype("uint8")
    augment = Augment(shift=0.2, rotate=20, zoom=0.2, elastic=1.0, flip=True)
    batches = Batches(images, np.arange(7), batch_size=7, augment=augment, seed=4)
    whole = batches_of(batches.starting_at(1), 1)[0][0]
    parts = [batches_of(shard(batches, 3, i).starting_at(1), 1)[0][0] for i in range(3)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    assert np.abs(whole - images).max() > 1


@settings(max_examples=8)
@given(lengths=st.lists(st.integers(0, 6), min_size=1, max_size=6), workers=WORKERS)
def test_files_are_divided_when_there_are_enough_and_their_samples_else(lengths, workers):
    ends = np.cumsum(lengths)
    held = {
        f"{i:02}": range(end - n, end) for i, (n, end) in enumerate(zip(lengths, ends, strict=True))
    }
    opened = []

    def read(paths):
        opened.append(set(paths))
        samples = [n for path in paths for n in held[path]]
        return tf.data.Dataset.from_tensor_slices(np.array(samples, "int64"))

    own = [
        list(shard_files(list(held), read, workers, i).as_numpy_iterator()) for i in range(workers)
    ]
    assert sorted(n for part in own for n in part) == list(range(ends[-1]))
    if len(held) >= workers:
        assert sum(map(len, opened)) == len(held)
    else:
        assert all(len(paths) == len(held) for paths in opened)
        assert max(map(len, own)) - min(map(len, own)) <= 1


def test_real_files_are_divided(tmp_path):
    for i in range(3):
        with tf.io.TFRecordWriter(str(tmp_path / f"{i}.tfrecord")) as writer:
            for n in range(i + 1):
                writer.write(f"{i}{n}".encode())
    files = sorted(tmp_path.iterdir())
    own = [
        list(shard_files(files, tf.data.TFRecordDataset, 2, i).as_numpy_iterator()) for i in (0, 1)
    ]
    assert own == [[b"00", b"20", b"21", b"22"], [b"10", b"11"]]


def policy(dataset):
    return dataset.options().experimental_distribute.auto_shard_policy.name


def test_tf_distribute_divides_the_whole_by_data_and_a_part_not_again():
    batches = Batches(np.arange(4), np.arange(4), batch_size=2)
    assert policy(batches.starting_at()) == "DATA"
    assert policy(load("digits", "test", batch_size=2)) == "DATA"
    assert policy(shard(batches, 2, 0).starting_at()) == "OFF"
    assert policy(shard(batches.starting_at(), 2, 0)) == "OFF"
    assert shard(batches, 1, 0) is batches


@pytest.mark.parametrize(
    ("workers", "index", "error", "said"),
    [
        (0, 0, ConfigError, "`workers` must be an integer of 1"),
        (2, 2, ConfigError, "`index` must be 0 to 1. Received: 2"),
        (2, -1, ConfigError, "`index` must be an integer of 0"),
    ],
)
def test_a_place_that_is_none(workers, index, error, said):
    batches = Batches(np.arange(4), np.arange(4), batch_size=2)
    with pytest.raises(error, match=said):
        shard(batches, workers, index)
    with pytest.raises(error, match=said):
        shard_files(["a"], tf.data.TFRecordDataset, workers, index)


def test_what_cannot_be_divided_is_said():
    batches = Batches(np.arange(4), np.arange(4), batch_size=2)
    with pytest.raises(DataError, match="part already"):
        shard(shard(batches, 2, 0), 2, 1)
    with pytest.raises(DataError, match="takes Batches or a tf.data.Dataset.* Received: list"):
        shard([1, 2], 2, 0)
    with pytest.raises(DataError, match="no files"):
        shard_files([], tf.data.TFRecordDataset, 2, 0)
