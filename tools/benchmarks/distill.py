"""The suite "distill": an epoch with a cached teacher against keras.distillation.Distiller.

Teacher and student are convolutional nets on MNIST's images, of one width, so that a multiplication
costs both the same; the teacher has 9.9 times the student's (counted, and in the table). The ratio
cannot exceed (3 + 9.9) / 3 = 4.3, since a step of the student is about three passes. Both sides
train the same student in one process, taking turns epoch by epoch, each round in another order;
first epochs, which compile, are not counted. Seconds are medians, ratios medians of the rounds'
ratios, so that a machine that slows down for a while slows both sides.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

from benchmarks.table import NotMeasured, Row, fact, progress, row

BATCH = 128
WIDTH, STUDENT, TEACHER = 32, 2, 20  # convolutions of 32 channels: 9.9 times the operations


def suite_distill(options: argparse.Namespace) -> list[Row]:
    """Seconds per epoch, logits only, batch 128; the cache is filled beforehand."""
    import keras

    import kerazoo

    samples = options.sizes.distill_samples
    x, y = _data(samples)
    keras.utils.set_random_seed(0)
    teacher = _net(TEACHER)
    dataset = _batches(x, y)
    start = time.perf_counter()
    cached = kerazoo.distill.cache_teacher(teacher, dataset)
    filled = time.perf_counter() - start
    ours = kerazoo.distill.Distiller(None, _net(STUDENT), kerazoo.distill.LogitsDistillation(3.0))
    theirs = keras.distillation.Distiller(
        teacher, _net(STUDENT), keras.distillation.LogitsDistillation(3.0)
    )
    contenders = {
        "cached": lambda: _fit(ours, cached),
        "shuffled": lambda: _fit(ours, cached.unbatch().shuffle(samples).batch(BATCH)),
        "keras": lambda: _fit(theirs, dataset),
    }
    for distiller in (ours, theirs):
        distiller.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    times = _take_turns(contenders, rounds=options.sizes.short_rounds)
    return [
        fact("teacher's operations by the student's", _ratio_of_operations(), "9.5 to 10.5"),
        _against_keras("epoch with cache_teacher, seconds", times, "cached", ">= 3"),
        _against_keras("the same, samples shuffled, seconds", times, "shuffled", ""),
        fact("filling the cache once, seconds", filled, ""),
    ]


def _against_keras(what: str, times: dict[str, list[float]], name: str, bar: str) -> Row:
    ours, peer = times[name], times["keras"]
    ratio = statistics.median(b / a for a, b in zip(ours, peer, strict=True))
    return row(
        what, statistics.median(ours), "keras Distiller", statistics.median(peer), ratio, bar
    )


def _data(samples: int) -> tuple[Any, Any]:
    import kerazoo

    x, y = kerazoo.datasets.load_numpy("mnist", "train")
    if len(x) < samples:
        raise NotMeasured("needs MNIST's 60,000 training images: set KERAZOO_DATA")
    return (x[:samples] / 255.0).astype("float32"), y[:samples]


def _batches(x: Any, y: Any) -> Any:
    import tensorflow as tf

    return tf.data.Dataset.from_tensor_slices((x, y)).batch(BATCH).prefetch(tf.data.AUTOTUNE)


def _net(convolutions: int) -> Any:
    import keras
    from keras import layers

    inputs = keras.Input((28, 28, 1))
    x = layers.Conv2D(WIDTH, 3, strides=2, padding="same", activation="relu")(inputs)
    for _ in range(convolutions):
        x = layers.Conv2D(WIDTH, 3, padding="same", activation="relu")(x)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, layers.Dense(10)(x))


def _operations(convolutions: int) -> int:
    """Multiplications of one image's forward pass."""
    return 14 * 14 * 9 * WIDTH * (1 + convolutions * WIDTH) + WIDTH * 10


def _ratio_of_operations() -> float:
    return _operations(TEACHER) / _operations(STUDENT)


def _fit(distiller: Any, dataset: Any) -> None:
    distiller.fit(dataset, epochs=1, verbose=0)


def _take_turns(
    contenders: dict[str, Callable[[], None]], *, rounds: int
) -> dict[str, list[float]]:
    """Seconds of each in every round, after one that is not counted; nobody is always first."""
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(rounds + 1):
        progress(f"distill, round {number}/{rounds}")
        order = list(contenders.items())
        first = number % len(order)
        for name, run in order[first:] + order[:first]:
            start = time.perf_counter()
            run()
            if number:
                times[name].append(time.perf_counter() - start)
    return times
