"""Clustering of a model's weights: few distinct values, which learn with the model."""

from __future__ import annotations

from collections.abc import Sequence

import keras

from kerazoo.compress._clone_layer import clone_layer
from kerazoo.compress._constrained_model import constrained_model, copy_model, weights_of_model
from kerazoo.compress._positive_factors import make_factors_positive
from kerazoo.compress.constrained_layer import ConstrainedLayer
from kerazoo.compress.weight_clustering import WeightClustering
from kerazoo.errors import ConfigError


def cluster(
    model: keras.Model,
    *,
    clusters: int = 16,
    init: str = "kmeans++",
    skip: Sequence[str] = (),
    per_channel: bool = False,
    preserve_sparsity: bool = True,
    seed: int = 0,
) -> keras.Model:
    """A copy of `model` whose kernels hold at most `clusters` distinct values, also after training.

    Compile and fit it as any model; `strip` gives the plain layers back. Biases, normalizations
    and depthwise kernels are left as they are.

    Where a BatchNormalization alone follows a convolution, `export` folds it in. So that an integer
    file (`quantize_aware`) still has `clusters` integers in a kernel, signs of negative gammas are
    moved into the kernel before it is clustered, which changes no result. There are more integers
    only in channels whose gamma passes zero in training afterwards (the same, mirrored: up to
    `2 * clusters - 1` in all) or whose factor gamma / sigma is below 1e-4 of the largest. In a
    float file a kernel with a normalization folded in has `clusters` values in each channel.

    Args:
        model: a Sequential or functional model, built and best trained before; it is not changed.
        clusters: distinct values in each kernel, 1 or above.
        init: where the search for values (k-means) starts: "kmeans++": drawn among the weights, far
            ones rather; "linear": evenly between the smallest and the largest weight; "density":
            quantiles of the weights; "random": drawn among the weights.
        skip: names of layers ("head") or weights ("attention/query/kernel"), with wildcards.
        per_channel: values for each output channel apart: `clusters` in each channel.
        preserve_sparsity: pruned weights (exactly zero) stay zero; the zero is one of `clusters`.
        seed: of what `init` draws.

    Returns: the model, not compiled, with a `ConstrainedLayer` around each clustered layer.

    Raises:
        ConfigError: an argument out of its range; a model that is subclassed or not built; nothing
            to cluster; the JAX backend.
        UnknownNameError: an `init`, or a name in `skip`, that does not exist.

    Source: Han, Mao, Dally 2016, arXiv:1510.00149; what differs is said in `WeightClustering`.

    >>> model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(8, name="head")])
    >>> clustered = cluster(model, clusters=4)
    >>> len(np.unique(clustered.get_layer("head").layer.kernel))
    4
    """
    model = copy_model(model, clone_layer)
    if not per_channel:
        make_factors_positive(model)
    entries = weights_of_model(model, skip)
    if not entries:
        raise ConfigError(
            f"The model {model.name!r} has no weight to cluster. Received: skip={skip!r}. Kernels "
            f"and tables of embeddings are clustered; see `skip`."
        )
    constraints = []
    for entry in entries:
        axis = entry.weight.output_axis
        clustering = WeightClustering(clusters, init, per_channel, preserve_sparsity, seed, axis)
        clustering.build(tuple(entry.weight.variable.shape))
        clustering.adopt(entry.weight.variable)
        constraints.append((entry, clustering))
    clustered = constrained_model(model, constraints)
    for layer in clustered._flatten_layers(include_self=False):
        if isinstance(layer, ConstrainedLayer):
            layer.enforce()
    return clustered
