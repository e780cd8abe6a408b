"""A weight of few distinct values, which learn: weight sharing (Han, Mao, Dally 2016)."""

from __future__ import annotations

from functools import cache
from typing import Any

import keras
import numpy as np
from keras import ops

from kerazoo.argument_checks import check_integer
from kerazoo.compress._centroids import INITS, fit_centroids
from kerazoo.compress._nearest_centroids import cluster_means, nearest_ids, take_centroids
from kerazoo.compress.weight_constraint import WeightConstraint
from kerazoo.errors import ConfigError, unknown_name


@keras.saving.register_keras_serializable(package="kerazoo")
class WeightClustering(WeightConstraint):
    """At most `clusters` distinct values in a weight, or in each of its output channels.

    Behind each value c(w) = (the centroid nearest to w) stands the weight w that the optimizer
    moves. After an update that took the value c to c': w += c' - c, so gradients at the values move
    the weights behind them (straight-through); each centroid becomes the mean of the weights
    nearest to it, or stays if there are none; the value becomes the centroid nearest to w.
    A step that changes nothing leaves values alone once they are such means.

    Args:
        clusters: distinct values, 1 or above; a kept zero is one of them.
        init: where k-means starts when values are adopted: "kmeans++", "linear", "density" or
            "random" (see `cluster`).
        per_channel: values for each index of `channel_axis` apart.
        preserve_sparsity: values that are exactly zero, as pruned ones, stay zero, and those that
            a pruning before this constraint makes zero join them. With `clusters=1` there
            is no room for zeros, and none are kept.
        seed: of the start.
        channel_axis: negative axis of the output channels; -2 of transposed convolutions.

    State: `offset`, w - c, in groups `(1 or channels, values of each)`; `is_free`, False at kept
    zeros; `centroids`, `(1 or channels, clusters)`, sorted; the place of a kept zero is infinite.

    Raises:
        ConfigError: an argument out of its range.
        UnknownNameError: an `init` that does not exist.

    Source: arXiv:1510.00149, section 3. There all weights of a cluster share one gradient and never
    change their cluster; here they may, and the centroid follows.

    >>> clustering = WeightClustering(clusters=2)
    >>> clustering.build((4,))
    >>> clustering.adopt(np.array([0.0, 1.0, 1.2, 3.0], "float32"))
    >>> values = clustering.enforce(np.array([0.0, 1.0, 1.2, 3.0], "float32"))
    >>> [round(float(value), 3) for value in values]
    [0.0, 1.733, 1.733, 1.733]
    """

    is_last = True

    def __init__(
        self,
        clusters: int = 16,
        init: str = "kmeans++",
        per_channel: bool = False,
        preserve_sparsity: bool = True,
        seed: int = 0,
        channel_axis: int = -1,
        **kwargs: Any,
    ):
        kwargs["dtype"] = "float32"  # mixed precision keeps variables in float32
        super().__init__(**kwargs)
        if init not in INITS:
            raise unknown_name("`init`", init, INITS)
        self.clusters = check_integer("clusters", clusters)
        self.init, self.per_channel = init, bool(per_channel)
        self.preserve_sparsity = bool(preserve_sparsity)
        self.seed = check_integer("seed", seed, least=0)
        self.channel_axis = -check_integer("-channel_axis", -channel_axis)
        self.is_per_tensor = not self.per_channel

    def build(self, shape: tuple[int, ...]) -> None:
        if None in shape or 0 in shape:
            raise ConfigError(f"A weight of known size can be clustered. Received: shape {shape}.")
        self.shape = tuple(shape)
        groups = shape[self.channel_axis] if self.per_channel and shape else 1
        each = int(np.prod(shape)) // groups
        state = {"trainable": False, "aggregation": "only_first_replica"}
        self.offset = self.add_weight((groups, each), "zeros", name="offset", **state)
        self.is_free = self.add_weight((groups, each), "ones", "bool", name="is_free", **state)
        self.centroids = self.add_weight(
            (groups, self.clusters), "zeros", name="centroids", **state
        )
        self.built = True

    def adopt(self, weight: Any) -> None:
        rows = np.asarray(ops.convert_to_numpy(self._grouped(weight)))
        is_free = rows != 0 if self._keeps_zeros else np.ones(rows.shape, bool)
        centroids = np.stack([self._fit(*pair) for pair in zip(rows, is_free, strict=True)])
        self.centroids.assign(centroids)
        self.is_free.assign(is_free)
        self.offset.assign(rows - ops.convert_to_numpy(_nearest(rows, is_free, centroids)))

    def project(self, weight: Any) -> Any:
        state = (self.offset, self.is_free, self.centroids)
        rows = self._grouped(weight)
        values, *new = _compiled(_update)(
            rows, *(ops.stop_gradient(each) for each in state), self._keeps_zeros
        )
        for variable, value in zip(state, new, strict=True):
            variable.assign(value)
        return ops.cast(self._ungrouped(values), weight.dtype)

    def enforce(self, weight: Any) -> Any:
        rows = self._grouped(weight)
        is_free = ops.convert_to_tensor(self.is_free)
        if self._keeps_zeros:
            is_free = ops.logical_and(is_free, rows != 0)
        values = _nearest(rows, is_free, ops.convert_to_tensor(self.centroids))
        return ops.cast(self._ungrouped(values), weight.dtype)

    @property
    def _keeps_zeros(self) -> bool:
        return self.preserve_sparsity and self.clusters > 1

    def _fit(self, row: np.ndarray, is_free: np.ndarray) -> np.ndarray:
        room = self.clusters if is_free.all() else self.clusters - 1
        centroids = np.full(self.clusters, np.inf, "float32")
        if is_free.any():
            centroids[:room] = fit_centroids(row[is_free], room, self.init, self.seed)
        return centroids

    def _grouped(self, weight: Any) -> Any:
        groups = self.centroids.shape[0]
        weight = ops.stop_gradient(ops.cast(ops.convert_to_tensor(weight), "float32"))
        if groups == 1:
            return ops.reshape(weight, (1, -1))
        return ops.transpose(ops.reshape(self._moved(weight), (-1, groups)))

    def _ungrouped(self, rows: Any) -> Any:
        if rows.shape[0] == 1:
            return ops.reshape(rows, self.shape)
        shape = list(self.shape)
        shape.append(shape.pop(self.channel_axis))
        return self._moved(ops.reshape(ops.transpose(rows), shape), back=True)

    def _moved(self, weight: Any, *, back: bool = False) -> Any:
        """The weight with its channels along the last axis; or as it was before that."""
        if self.channel_axis == -1:
            return weight
        axes = (-1, self.channel_axis) if back else (self.channel_axis, -1)
        return ops.moveaxis(weight, *axes)

    def get_config(self):
        return {
            **super().get_config(),
            "clusters": self.clusters,
            "init": self.init,
            "per_channel": self.per_channel,
            "preserve_sparsity": self.preserve_sparsity,
            "seed": self.seed,
            "channel_axis": self.channel_axis,
        }


def _update(values: Any, offset: Any, is_free: Any, centroids: Any, keeps_zeros: bool) -> Any:
    """(values, offset, is_free, centroids) after an update of the optimizer."""
    if keeps_zeros:
        is_free = ops.logical_and(is_free, values != 0)
        centroids = _with_room_for_zero(is_free, centroids)
    latent = values + offset
    ids = ops.where(is_free, nearest_ids(latent, centroids), centroids.shape[1])
    centroids = cluster_means(latent, ids, centroids)
    values = _nearest(latent, is_free, centroids)
    return values, ops.where(is_free, latent - values, 0.0), is_free, centroids


def _with_room_for_zero(is_free: Any, centroids: Any) -> Any:
    """Zeros that are the first of their group take the place of the centroid nearest to zero."""
    is_full = ops.logical_and(
        ops.logical_not(ops.all(is_free, axis=1)), ops.all(ops.isfinite(centroids), axis=1)
    )
    nearest = ops.argmin(ops.abs(centroids), axis=1)
    goes = ops.logical_and(
        ops.expand_dims(is_full, -1), ops.one_hot(nearest, centroids.shape[1], dtype="bool")
    )
    return ops.sort(ops.where(goes, float("inf"), centroids), axis=1)


def _nearest(latent: Any, is_free: Any, centroids: Any) -> Any:
    return ops.where(is_free, take_centroids(centroids, nearest_ids(latent, centroids)), 0.0)


@cache
def _compiled(function: Any) -> Any:
    """`function`, by XLA on TensorFlow: one pass over millions of weights instead of forty."""
    if keras.backend.backend() != "tensorflow":
        return function
    import tensorflow as tf

    return tf.function(function, jit_compile=True, autograph=False)
