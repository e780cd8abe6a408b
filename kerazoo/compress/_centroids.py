"""The few values that a weight starts with: k-means in one dimension, from four kinds of starts.

Han, Mao, Dally 2016 ("Deep Compression", arXiv:1510.00149), section 3.2, and Arthur, Vassilvitskii
2007 for k-means++. Numbers on a line can be sorted once; then a cluster is an interval, its sum a
difference of two running sums, and an iteration costs next to nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from kerazoo.errors import unknown_name

ITERATIONS = 1000
SEEDED_FROM = 2**16
"""k-means++ draws its starts out of at most so many of the values, evenly spread in rank."""


def fit_centroids(values: Any, clusters: int, init: str, seed: int) -> np.ndarray:
    """Values that stand for `values`: a local minimum of the squared distance to the nearest.

    Args:
        values: float, any shape, at least one.
        clusters: how many, 1 or above. Where there are fewer distinct values some are double, or
            stand for nothing.
        init: where the search starts, one of `INITS`: "kmeans++": drawn among the values, far ones
            rather; "linear": evenly between the smallest and the largest; "density": quantiles;
            "random": drawn among the values.
        seed: of what is drawn.

    Returns: float32, `(clusters,)`, sorted.

    Raises: UnknownNameError for an `init` that does not exist.

    >>> fit_centroids([0.0, 0.2, 5.0, 5.2], 2, "linear", seed=0).round(3).tolist()
    [0.1, 5.1]
    """
    if init not in INITS:
        raise unknown_name("`init`", init, INITS)
    ordered = np.sort(np.asarray(values, "float64").ravel())
    start = INITS[init](ordered, clusters, np.random.default_rng(seed))
    return _lloyd(ordered, np.sort(start)).astype("float32")


def _lloyd(ordered: np.ndarray, centroids: np.ndarray) -> np.ndarray:
    running = np.concatenate([[0.0], np.cumsum(ordered)])
    for _ in range(ITERATIONS):
        between = np.searchsorted(ordered, (centroids[1:] + centroids[:-1]) / 2, side="right")
        cuts = np.concatenate([[0], between, [len(ordered)]])
        counts, sums = np.diff(cuts), np.diff(running[cuts])
        # Sorted again: the running sums round, so double values may change places by a digit.
        moved = np.sort(np.where(counts > 0, sums / np.maximum(counts, 1), centroids))
        if np.array_equal(moved, centroids):
            break
        centroids = moved
    return centroids


def _linear(ordered: np.ndarray, clusters: int, _: np.random.Generator) -> np.ndarray:
    return np.linspace(ordered[0], ordered[-1], clusters)


def _density(ordered: np.ndarray, clusters: int, _: np.random.Generator) -> np.ndarray:
    return np.quantile(ordered, (np.arange(clusters) + 0.5) / clusters)


def _random(ordered: np.ndarray, clusters: int, rng: np.random.Generator) -> np.ndarray:
    return rng.choice(ordered, clusters, replace=len(ordered) < clusters)


def _kmeans_plus_plus(ordered: np.ndarray, clusters: int, rng: np.random.Generator) -> np.ndarray:
    """Each start is the best of a few draws, weighted by squared distance to those before."""
    if len(ordered) > SEEDED_FROM:
        ordered = ordered[np.linspace(0, len(ordered) - 1, SEEDED_FROM).astype(int)]
    chosen = [rng.choice(ordered)]
    distances = (ordered - chosen[0]) ** 2
    tries = 2 + int(np.log(clusters))
    while len(chosen) < clusters:
        running = np.cumsum(distances)
        drawn = np.searchsorted(running, rng.random(tries) * running[-1], side="right")
        candidates = ordered[np.minimum(drawn, len(ordered) - 1)]
        nearer = np.minimum(distances, (ordered - candidates[:, None]) ** 2)
        best = int(np.argmin(nearer.sum(axis=1)))
        chosen.append(candidates[best])
        distances = nearer[best]
    return np.array(chosen)


INITS: dict[str, Callable[[np.ndarray, int, np.random.Generator], np.ndarray]] = {
    "kmeans++": _kmeans_plus_plus,
    "linear": _linear,
    "density": _density,
    "random": _random,
}
