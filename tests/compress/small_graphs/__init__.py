"""Small models, one for each way in which layers can meet; each with inputs to run it on.

Weights, biases and the statistics of batch normalization are random: with those of a fresh model
many mistakes cancel, since gamma is 1, beta, bias and mean are 0 and a frozen net gives all zeros.
"""

from __future__ import annotations

import keras
import numpy as np

from tests.compress.small_graphs import composed, convolutions  # noqa: F401  (they fill the list)
from tests.compress.small_graphs.registry import GRAPHS

ROWS = 24


def build(name: str) -> keras.Model:
    """The model `name` with random weights."""
    keras.utils.set_random_seed(0)
    model = GRAPHS[name]()
    rng = np.random.default_rng(1)
    for weight in model.weights:
        if "float" not in weight.dtype or "seed" in weight.path:
            continue
        noise = rng.normal(size=weight.shape)
        kind = weight.path.rsplit("/", 1)[-1]
        if kind in ("moving_variance", "variance"):
            weight.assign(0.5 + noise**2)
        elif kind in ("gamma", "scale"):
            weight.assign(1.0 + 0.3 * noise)
        elif kind in ("beta", "bias", "moving_mean", "mean", "alpha"):
            weight.assign(0.2 * noise)
        else:
            weight.assign(weight + 0.02 * noise)
    return model


def samples(model: keras.Model, rows: int = ROWS) -> np.ndarray | list[np.ndarray]:
    """An array `(rows, ...)` or a list of one for each input: noise, or indices below 10."""
    rng = np.random.default_rng(2)
    made = []
    for tensor in model.inputs:
        shape = (rows, *tensor.shape[1:])
        is_index = "int" in tensor.dtype
        values = rng.integers(1, 10, shape) if is_index else rng.normal(size=shape)
        made.append(values.astype(tensor.dtype))
    return made if len(made) > 1 else made[0]
