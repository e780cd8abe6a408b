"""The nearest of a few sorted values, and the means of those that are nearest to each.

All arrays are of groups, one per row: `values` (groups, n), `centroids` (groups, clusters), sorted;
an unused centroid is infinite and last.
"""

from __future__ import annotations

from typing import Any

from keras import ops

BLOCKS = 64
"""A mean of millions of float32 values is summed in as many parts: one running sum loses digits."""
FEW = 32
"""Up to so many centroids comparing with each is faster: compiled, one pass without lookups."""


def nearest_ids(values: Any, centroids: Any) -> Any:
    """int32, (groups, n): the number of the nearest centroid, of two as near the smaller value.

    >>> nearest_ids(np.array([[0.1, 5.0, 0.5]]), np.array([[0.0, 1.0, np.inf]])).numpy().tolist()
    [[0, 1, 0]]
    """
    values, centroids = ops.convert_to_tensor(values), ops.convert_to_tensor(centroids)
    midpoints = (centroids[:, 1:] + centroids[:, :-1]) / 2
    search = _compare_all if centroids.shape[1] <= FEW else _search_binary
    return search(values, midpoints)


def _compare_all(values: Any, midpoints: Any) -> Any:
    found = ops.zeros_like(values, "int32")
    for number in range(midpoints.shape[1]):
        found += ops.cast(values > midpoints[:, number : number + 1], "int32")
    return found


def _search_binary(values: Any, midpoints: Any) -> Any:
    groups, count = midpoints.shape
    width = 1 << count.bit_length()  # padded to a whole tree
    padding = ((0, 0), (0, width - count))
    table = ops.reshape(ops.pad(midpoints, padding, constant_values=float("inf")), (-1,))
    first = ops.expand_dims(ops.arange(groups, dtype="int32") * width, -1)
    found = first + ops.zeros_like(values, "int32")
    while width > 1:
        width //= 2
        found = ops.where(values > ops.take(table, found + (width - 1)), found + width, found)
    return found - first


def take_centroids(centroids: Any, ids: Any) -> Any:
    """(groups, n): the centroid of each id."""
    groups, clusters = centroids.shape
    first = ops.expand_dims(ops.arange(groups, dtype="int32") * clusters, -1)
    return ops.take(ops.reshape(centroids, (-1,)), ids + first)


def cluster_means(values: Any, ids: Any, centroids: Any) -> Any:
    """(groups, clusters): mean of the values of each id; `centroids` where there is none.

    Ids of `clusters` and above are left out.
    """
    groups, clusters = centroids.shape
    blocks = BLOCKS if groups == 1 else 1
    bins = clusters + 1  # the last one for what is left out
    block = ops.arange(values.shape[1], dtype="int32") // -(-values.shape[1] // blocks)
    row = ops.expand_dims(ops.arange(groups, dtype="int32") * blocks, -1) + block
    bin_ids = ops.reshape(row * bins + ops.minimum(ids, clusters), (-1,))

    def total(x: Any) -> Any:
        parts = ops.segment_sum(ops.reshape(x, (-1,)), bin_ids, groups * blocks * bins)
        return ops.sum(ops.reshape(parts, (groups, blocks, bins)), axis=1)[:, :clusters]

    counts = total(ops.ones_like(values))
    return ops.where(counts > 0, total(values) / ops.maximum(counts, 1), centroids)
