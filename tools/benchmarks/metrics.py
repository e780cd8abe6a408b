"""The suite "metrics": one update of PrecisionAtK against keras-rs and Keras, on TensorFlow."""

from __future__ import annotations

import argparse
import importlib.util
from collections.abc import Callable
from typing import Any

from benchmarks.bursts import median_seconds
from benchmarks.table import NotMeasured, Row, fact, other, progress, row

SAMPLES, CLASSES, K = 1024, 1000, 10


def suite_metrics(options: argparse.Namespace) -> list[Row]:
    """Milliseconds per update: 1,024 x 1,000 scores, k = 10, multi-hot labels, no weights.

    Once as a plain `update_state`, once inside a `tf.function`. The peer is the faster of the two.
    Class ids as labels, which neither peer takes, and one value per class are shown beside it.
    """
    if not importlib.util.find_spec("keras_rs"):
        raise NotMeasured("pip install keras-rs")
    rows = []
    for mode, wrap in (("eager", _eager), ("tf.function", _compiled)):
        progress(f"metrics, {mode}")
        seconds = median_seconds(_updates(wrap), options.sizes, turns=options.sizes.rounds)
        times = {name: 1e3 * value for name, value in seconds.items()}
        ours = times.pop("kerazoo")
        variants = {name: times.pop(name) for name in [*times] if name.startswith("kerazoo")}
        peer = min(times, key=times.__getitem__)
        what = f"PrecisionAtK update, {mode}, ms"
        rows.append(row(what, ours, peer, times[peer], times[peer] / ours, ">= 1.0"))
        slower = max(times, key=times.__getitem__)
        rows.append(other(what, slower, times[slower]))
        rows += [fact(f"{name}, {mode}, ms", ms, "") for name, ms in variants.items()]
    return rows


def _updates(wrap: Callable[..., Any]) -> dict[str, Callable[[], Any]]:
    """A call without arguments for each contender."""
    import keras
    import keras_rs
    import numpy as np
    import tensorflow as tf

    from kerazoo.metrics import PrecisionAtK

    rng = np.random.default_rng(0)
    scores = tf.constant(rng.normal(size=(SAMPLES, CLASSES)), tf.float32)
    rows = tf.constant(rng.random((SAMPLES, CLASSES)) < 0.01, tf.float32)
    ids = tf.constant(rng.integers(0, CLASSES, SAMPLES), tf.int32)
    return {
        "kerazoo": wrap(PrecisionAtK(K), rows, scores),
        "keras.metrics.Precision": wrap(keras.metrics.Precision(top_k=K), rows, scores),
        "keras_rs PrecisionAtK": wrap(keras_rs.metrics.PrecisionAtK(K), rows, scores),
        "kerazoo, class ids": wrap(PrecisionAtK(K), ids, scores),
        "kerazoo, per class": wrap(PrecisionAtK(K, average=None), rows, scores),
    }


def _eager(metric: Any, labels: Any, scores: Any) -> Callable[[], Any]:
    return lambda: metric.update_state(labels, scores)


def _compiled(metric: Any, labels: Any, scores: Any) -> Callable[[], Any]:
    import tensorflow as tf

    # Without a result to wait for, a function could return before its work is done.
    @tf.function
    def update(labels: Any, scores: Any) -> Any:
        metric.update_state(labels, scores)
        return metric.result()

    return lambda: update(labels, scores)
