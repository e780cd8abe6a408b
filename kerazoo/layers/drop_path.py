"""Stochastic depth: a residual branch that is left out at random (Huang et al. 2016)."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from kerazoo.argument_checks import check_number


@keras.saving.register_keras_serializable(package="kerazoo")
class DropPath(keras.layers.Layer):
    """Zero for whole samples in training, the rest scaled up: y_i = x_i b_i / (1 - rate).

    b_i is drawn anew for each sample i of a batch, 0 with probability `rate`, else 1, so the mean
    of y_i is x_i. Outside of training y = x. The layer goes on a residual branch, before the sum:
    `x + DropPath(0.1)(branch(x))`.

    Source: Huang, Sun, Liu, Sedra, Weinberger 2016, arXiv:1603.09382, section 3. Changed: they
    drop a branch for the whole batch, and scale at inference; here each sample is drawn for itself
    and training scales, as in timm and in EfficientNet's "drop connect".

    Args:
        rate: probability of dropping a sample, from 0 to below 1. Deeper branches usually get more:
            `rate * l / blocks` for l = 1 .. `blocks` in the paper (its "linear decay"), or
            `rate * i / (blocks - 1)` for i = 0 .. `blocks - 1` in timm.
        seed: integer, or None for one that Keras draws.

    Shape: any, `(batch, ...)`, and the same out. The dtype is the layer's compute dtype. Masks
    pass.

    Raises: ConfigError if `rate` is out of its range.

    >>> kept = DropPath(0.5, seed=3)(np.ones((100, 2)), training=True)
    >>> np.unique(kept).tolist()
    [0.0, 2.0]
    """

    def __init__(self, rate: float = 0.1, seed: int | None = None, **kwargs: Any):
        super().__init__(**kwargs)
        self.rate, self.seed = check_number("rate", rate, least=0, below=1), seed
        self.seed_generator = keras.random.SeedGenerator(seed)
        self.supports_masking = True

    def call(self, inputs, training=False):
        inputs = ops.cast(inputs, self.compute_dtype)
        if not training or self.rate == 0:
            return inputs
        one_per_sample = (ops.shape(inputs)[0], *[1] * (len(inputs.shape) - 1))
        # In float32: half precision has too few numbers below 1 for a small `rate`.
        drawn = keras.random.uniform(one_per_sample, dtype="float32", seed=self.seed_generator)
        return ops.where(drawn < self.rate, 0.0, inputs / (1 - self.rate))

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {**super().get_config(), "rate": self.rate, "seed": self.seed}
