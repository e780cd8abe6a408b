"""Batching with tf.data: what a cache and prefetching bring.

    python examples/batching.py

The source is slow on purpose (2 ms a sample, as if decoded from a disk), and so is the step.
"""

import time

import tensorflow as tf

import kerazoo

SAMPLES, BATCH, STEP = 320, 32, 0.02  # seconds of a training step


def decode(index: tf.Tensor) -> tf.Tensor:
    def slowly(number):
        time.sleep(0.002)
        return number

    value = tf.numpy_function(slowly, [index], tf.int64)
    return tf.ensure_shape(value, ())


def samples_per_second(dataset: tf.data.Dataset, epochs: int = 2) -> float:
    """Of the last epoch: a cache is full by then."""
    for _ in range(epochs):
        start = time.perf_counter()
        for _ in dataset:
            time.sleep(STEP)
        seconds = time.perf_counter() - start
    return SAMPLES / seconds


if __name__ == "__main__":
    plain = tf.data.Dataset.range(SAMPLES).map(decode).batch(BATCH)
    cached = tf.data.Dataset.range(SAMPLES).map(decode).cache().batch(BATCH)
    pipelines = {
        "plain": plain,
        "prefetch": plain.prefetch(tf.data.AUTOTUNE),
        "cache": cached,
        "cache, prefetch": cached.prefetch(tf.data.AUTOTUNE),
    }
    for name, pipeline in pipelines.items():
        print(f"{name:16} {samples_per_second(pipeline):6,.0f} samples a second")

    # kerazoo's batches are a function of seed, epoch and step: a run goes on where it stopped.
    images, labels = kerazoo.datasets.load_numpy("digits", "test")
    batches = kerazoo.datasets.Batches(images, labels, batch_size=64, seed=1)
    whole = list(batches.starting_at(epoch=3).take(5))
    rest = list(batches.starting_at(epoch=3, step=4).take(1))
    same = bool(tf.reduce_all(whole[4][0] == rest[0][0]))
    print(f"{len(batches)} batches an epoch; the fifth one again after a restart: {same}")
