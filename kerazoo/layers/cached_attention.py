"""Multi-head attention with keys and values that can be kept (Vaswani et al. 2017)."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers, ops

from kerazoo.argument_checks import check_integer, check_number
from kerazoo.errors import DataError
from kerazoo.layers._checks import check_sequence
from kerazoo.layers._trainable_parts import freeze_parts_with


@keras.saving.register_keras_serializable(package="kerazoo")
class CachedAttention(layers.Layer):
    """softmax(q k^T / sqrt(key_dim)) v for each head; the heads side by side, mapped to features.

    As `keras.layers.MultiHeadAttention`, taken apart: a decoder that gets one step at a time keeps
    `keys_and_values` of the steps before, and calls `attend` with them, which gives what `call`
    gives for the whole sequence.

    Source: Vaswani et al. 2017, arXiv:1706.03762, section 3.2.

    Args:
        num_heads: 1 or more.
        key_dim: numbers in a query, a key and a value of one head, 1 or more.
        dropout: fraction of the attention dropped in training, 0 to below 1.
        is_causal: in `call`, whether a step attends to no later one.
        seed: of the dropout.

    Call arguments:
        inputs: `(batch, time, features)`, what asks.
        context: `(batch, steps, features)`, what is asked, of as many features; None: `inputs`.
        mask: bool, `(batch, time)`: which steps of the inputs there are; None: all.
        context_mask: bool, `(batch, steps)`: the same of the context.

    Attention goes to the steps that there are; where there is none at all, each counts alike.

    Shape: that of `inputs`. Masks pass. Softmax is taken in float32 at least.

    Raises: ConfigError for arguments out of range; DataError for inputs or a context of another
    shape, or if the features are not counted.

    >>> layer = CachedAttention(num_heads=2, key_dim=4)
    >>> tuple(layer(np.ones((1, 3, 8))).shape)
    (1, 3, 8)
    """

    def __init__(
        self,
        num_heads: int,
        key_dim: int,
        dropout: float = 0.0,
        is_causal: bool = False,
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.num_heads = check_integer("num_heads", num_heads)
        self.key_dim = check_integer("key_dim", key_dim)
        self.dropout = check_number("dropout", dropout, least=0, below=1)
        self.is_causal, self.seed = is_causal, seed
        width = num_heads * key_dim
        self.query = layers.Dense(width, dtype=self.dtype_policy, name="query")
        self.key = layers.Dense(width, dtype=self.dtype_policy, name="key")
        self.value = layers.Dense(width, dtype=self.dtype_policy, name="value")
        self.drop = layers.Dropout(dropout, seed=seed, dtype=self.dtype_policy, name="drop")

    def build(self, input_shape):
        check_sequence(self.name, input_shape)
        self.input_spec = layers.InputSpec(ndim=3, axes={-1: input_shape[-1]})
        for part in (self.query, self.key, self.value):
            part.build(input_shape)
        self.output_map = layers.Dense(input_shape[-1], dtype=self.dtype_policy, name="output")
        self.output_map.build((None, None, self.num_heads * self.key_dim))
        freeze_parts_with(self)

    def call(self, inputs, context=None, mask=None, context_mask=None, training=None):
        if context is not None:  # Keras hands `mask` on as that of the output
            mask = context_mask
        keys, values = self.keys_and_values(inputs if context is None else context)
        if mask is not None:
            mask = ops.expand_dims(ops.cast(mask, "bool"), 1)
        if self.is_causal:
            queries, steps = ops.arange(ops.shape(inputs)[1]), ops.arange(ops.shape(keys)[2])
            before = ops.expand_dims(queries, 1) >= steps
            mask = before[None] if mask is None else ops.logical_and(mask, before)
        return self.attend(inputs, keys, values, mask, training=training)

    def keys_and_values(self, context):
        """Of each step: two of `(batch, heads, steps, key_dim)`."""
        features, shape = self.output_map.units, tuple(context.shape)
        if len(shape) != 3 or shape[-1] not in (features, None):
            raise DataError(
                f"Layer {self.name!r} takes a context (batch, steps, {features}), of as many "
                f"features as its inputs. Received: shape {shape}."
            )
        return self._split(self.key(context)), self._split(self.value(context))

    def attend(self, inputs, keys, values, mask=None, training=None):
        """Like `call`, with keys and values that are known; `is_causal` is left to the mask: bool,
        `(batch or 1, time or 1, steps)`."""
        shares = ops.cast(self.shares(inputs, keys, mask), values.dtype)
        heads = ops.matmul(self.drop(shares, training=training), values)
        shape = ops.shape(inputs)
        heads = ops.transpose(heads, (0, 2, 1, 3))
        width = self.num_heads * self.key_dim
        return self.output_map(ops.reshape(heads, (shape[0], shape[1], width)))

    def shares(self, inputs, keys, mask=None):
        """How much each step of `inputs` attends to each of the keys: `(batch, heads, time, steps)`
        of sum 1, at least float32. Arguments as of `attend`."""
        queries = self._split(self.query(inputs)) / self.key_dim**0.5
        scores = ops.matmul(queries, ops.transpose(keys, (0, 1, 3, 2)))
        scores = ops.cast(scores, keras.backend.result_type(scores.dtype, "float32"))
        if mask is not None:
            scores = ops.where(ops.expand_dims(mask, 1), scores, -1e9)
        return ops.softmax(scores, axis=-1)

    def _split(self, steps):
        """`(batch, steps, heads * key_dim)` to `(batch, heads, steps, key_dim)`."""
        shape = ops.shape(steps)
        heads = ops.reshape(steps, (shape[0], shape[1], self.num_heads, self.key_dim))
        return ops.transpose(heads, (0, 2, 1, 3))

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {
            **super().get_config(),
            "num_heads": self.num_heads,
            "key_dim": self.key_dim,
            "dropout": self.dropout,
            "is_causal": self.is_causal,
            "seed": self.seed,
        }
