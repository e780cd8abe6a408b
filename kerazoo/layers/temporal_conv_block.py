"""A residual block of causal dilated convolutions over time (TCN, Bai, Kolter, Koltun 2018)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
from keras import layers, ops

from kerazoo.argument_checks import check_integer, check_number
from kerazoo.layers._checks import check_sequence
from kerazoo.layers._trainable_parts import freeze_parts_with


@keras.saving.register_keras_serializable(package="kerazoo")
class TemporalConvBlock(layers.Layer):
    """y = act(C x + drop(act(K2 * drop(act(K1 * x + b1)) + b2))).

    K1 and K2 are causal and dilated: y at time t depends on x at t and the 2 (kernel_size - 1)
    dilation_rate steps before, not on what follows. Blocks with dilation 1, 2, 4, ... see 1 + 2
    (kernel_size - 1) (1 + 2 + 4 + ...) steps in all. C is a linear map of each step to `filters`
    features, and nothing where x has as many. drop zeroes whole features of a sample.

    Masked steps count as zeros in both convolutions, as the time before the start does, and come
    out as zeros: a sequence gives the same wherever it is padded.

    Source: Bai, Kolter, Koltun 2018, arXiv:1803.01271, sections 3.2 to 3.4, figure 1.
    Changed: no weight normalization, and Keras's initial values.

    Args:
        filters: features of the output, above 0.
        kernel_size: steps, above 0.
        dilation_rate: distance of the kernel's taps in steps, above 0.
        dropout: probability of dropping a feature in training, from 0 to below 1.
        activation: a name or a function of `keras.activations`.
        seed: of the dropout; integer, or None for one that Keras draws.

    Sublayers: `first`, `first_drop`, `second`, `second_drop`, `shortcut` (or None), `add`,
    `activate`. Without a mask `call` is a chain of them, so that `keras.Model(x, layer.call(x))`
    shows the block as a graph of Keras layers.

    Shape: `(batch, time, features)` to `(batch, time, filters)`; time may be unknown when a model
    is built. Masks, bool `(batch, time)`, are honoured and pass.

    Raises: ConfigError if an argument is out of its range, DataError if the features are not known.

    >>> block = TemporalConvBlock(8, kernel_size=3, dilation_rate=4)
    >>> tuple(block(np.ones((2, 20, 5))).shape)
    (2, 20, 8)
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int = 3,
        dilation_rate: int = 1,
        dropout: float = 0.2,
        activation: str | Callable = "relu",
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.filters = check_integer("filters", filters)
        self.kernel_size = check_integer("kernel_size", kernel_size)
        self.dilation_rate = check_integer("dilation_rate", dilation_rate)
        self.dropout, self.seed = check_number("dropout", dropout, least=0, below=1), seed
        self.activation = keras.activations.get(activation)
        self.input_spec = layers.InputSpec(ndim=3)
        self.supports_masking = True

        causal = {
            "padding": "causal",
            "dilation_rate": self.dilation_rate,
            "activation": self.activation,
        }
        self.first = self._convolution(self.kernel_size, name="first", **causal)
        self.first_drop = self._drop(seed, "first_drop")
        self.second = self._convolution(self.kernel_size, name="second", **causal)
        # Equal seeds would drop the same features; far away, as the next block may have seed + 1.
        self.second_drop = self._drop(None if seed is None else seed + 1_000_003, "second_drop")
        self.add = layers.Add(dtype=self.dtype_policy, name="add")
        self.activate = layers.Activation(self.activation, dtype=self.dtype_policy, name="activate")

    def _convolution(self, kernel_size, **arguments):
        return layers.Conv1D(
            self.filters,
            kernel_size,
            data_format="channels_last",
            dtype=self.dtype_policy,
            **arguments,
        )

    def _drop(self, seed, name):
        return layers.SpatialDropout1D(self.dropout, seed=seed, dtype=self.dtype_policy, name=name)

    def build(self, input_shape):
        check_sequence(self.name, input_shape)
        self.first.build(input_shape)
        self.second.build((*input_shape[:-1], self.filters))
        self.shortcut = None
        if input_shape[-1] != self.filters:
            self.shortcut = self._convolution(1, name="shortcut")
            self.shortcut.build(input_shape)
        freeze_parts_with(self)

    def call(self, inputs, mask=None, training=None):
        inputs = _silence(inputs, mask)
        hidden = self.first_drop(self.first(inputs), training=training)
        hidden = self.second(_silence(hidden, mask))
        hidden = self.second_drop(hidden, training=training)
        kept = inputs if self.shortcut is None else self.shortcut(inputs)
        return _silence(self.activate(self.add([kept, hidden])), mask)

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.filters)

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "dilation_rate": self.dilation_rate,
            "dropout": self.dropout,
            "activation": keras.activations.serialize(self.activation),
            "seed": self.seed,
        }


def _silence(sequence, mask):
    """`sequence` with zeros where `mask` is False, even where it held NaN."""
    if mask is None:
        return sequence
    return ops.where(ops.expand_dims(ops.cast(mask, "bool"), -1), sequence, 0)
