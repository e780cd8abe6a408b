"""Dropout that stays on: several passes show how sure a model is (Gal, Ghahramani 2016)."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

from kerazoo.argument_checks import check_number


@keras.saving.register_keras_serializable(package="kerazoo")
class MonteCarloDropout(layers.Dropout):
    """`keras.layers.Dropout` in training and at inference alike: y_i = x_i b_i / (1 - rate).

    b_i is 0 with probability `rate`, else 1, drawn anew for each number and each call. The outputs
    of several calls are samples: their mean is the prediction, their deviation says how far it can
    be trusted.

    Source: Gal, Ghahramani 2016, arXiv:1506.02142, section 4.

    Args:
        rate: probability of dropping a number, from 0 to below 1.
        noise_shape: as of `keras.layers.Dropout`; 1 on the axes along which a draw is shared.
        seed: integer, or None for one that Keras draws.

    Shape: any, and the same out. Masks pass. Not for TFLite files, which draw no random numbers.

    Raises: ConfigError if `rate` is out of its range.

    >>> inputs = keras.Input((4,))
    >>> drop = MonteCarloDropout(0.5, seed=1)
    >>> model = keras.Model(inputs, keras.layers.Dense(1, kernel_initializer="ones")(drop(inputs)))
    >>> passes = np.stack([model.predict(np.ones((1, 4)), verbose=0) for _ in range(100)])
    >>> mean, deviation = passes.mean(axis=0), passes.std(axis=0)
    >>> bool(3.4 < mean[0, 0] < 4.6), bool(1.6 < deviation[0, 0] < 2.4)  # 4 and 2 without end
    (True, True)
    """

    def __init__(
        self,
        rate: float,
        noise_shape: tuple[int | None, ...] | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ):
        rate = check_number("rate", rate, least=0, below=1)
        super().__init__(rate, noise_shape=noise_shape, seed=seed, **kwargs)

    def call(self, inputs, training=True):
        return super().call(inputs, training=True)
