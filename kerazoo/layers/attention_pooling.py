"""A sequence as one vector: attention with a learned query (Set Transformer, Lee et al. 2019)."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers, ops

from kerazoo.argument_checks import check_integer
from kerazoo.layers._checks import check_sequence
from kerazoo.layers._trainable_parts import freeze_parts_with


@keras.saving.register_keras_serializable(package="kerazoo")
class AttentionPooling(layers.Layer):
    """y = W_O [sum_t a_1t v_1t; ...; sum_t a_Ht v_Ht], a_h = softmax(q_h . k_ht / sqrt(d)) over t.

    For each head h of H, q_h is learned, k_ht and v_ht are linear maps of step t to d numbers.
    Steps that are masked get no attention. `attention_scores` gives the a_ht, what each head looks
    at.

    Source: Lee et al. 2019, arXiv:1810.00825, section 3.2: Multihead(S, Z, Z) of "pooling by
    multihead attention" with one seed S. Changed: q_h stands for their product of S and the query
    map, both constants; their residual feed-forward block is left to the caller. CLIP (its query
    is a mean) and SigLIP pool likewise.

    Args:
        num_heads: H, above 0.
        key_dim: d, the width of each head, above 0.

    Call arguments:
        inputs: `(batch, time, features)`. Flatten a feature map before: `Reshape((-1, channels))`.
        mask: bool, `(batch, time)`, True for steps that count. The others may hold anything, NaN
            too. A sample without any gives the bias of W_O.

    Shape: `(batch, features)`. Scores and sums are float32 at least; the result has
    the layer's compute dtype.

    Raises: ConfigError if an argument is out of its range, DataError if the input does not fit.

    >>> tuple(AttentionPooling(num_heads=2, key_dim=8)(np.ones((3, 5, 16))).shape)
    (3, 16)
    """

    def __init__(self, num_heads: int, key_dim: int, **kwargs: Any):
        super().__init__(**kwargs)
        self.num_heads = check_integer("num_heads", num_heads)
        self.key_dim = check_integer("key_dim", key_dim)
        self.input_spec = layers.InputSpec(ndim=3)
        self.supports_masking = True
        width = num_heads * key_dim
        self.key = layers.Dense(
            width,
            use_bias=False,  # softmax would cancel it
            dtype=self.dtype_policy,
            name="key",
        )
        self.value = layers.Dense(width, dtype=self.dtype_policy, name="value")

    def build(self, input_shape):
        check_sequence(self.name, input_shape)
        features = input_shape[-1]
        self.query = self.add_weight(
            (self.num_heads, self.key_dim), "glorot_uniform", autocast=False, name="query"
        )
        self.key.build(input_shape)
        self.value.build(input_shape)
        self.output_map = layers.Dense(features, dtype=self.dtype_policy, name="output")
        self.output_map.build((None, self.num_heads * self.key_dim))
        freeze_parts_with(self)

    def attention_scores(self, inputs, mask=None):
        """a_ht: `(batch, time, heads)`, each at least 0, summing to 1 over the steps that count."""
        keys = self._split(self.key(inputs))
        query = ops.cast(self.query, keys.dtype) / self.key_dim**0.5
        scores = ops.sum(keys * query, axis=-1)
        if mask is None:
            return ops.softmax(scores, axis=1)
        mask = ops.expand_dims(ops.cast(mask, "bool"), -1)
        scores = ops.softmax(ops.where(mask, scores, -1e9), axis=1)
        return ops.where(mask, scores, 0.0)  # where nothing counts, softmax makes all count

    def _split(self, steps):
        """`(batch, time, heads * key_dim)` to `(batch, time, heads, key_dim)`, float32 at least."""
        steps = ops.cast(steps, keras.backend.result_type(steps.dtype, "float32"))
        return ops.reshape(steps, (*ops.shape(steps)[:2], self.num_heads, self.key_dim))

    def call(self, inputs, mask=None):
        if mask is not None:  # 0 times a NaN is one, in the sums and in the gradients of all maps
            inputs = ops.where(ops.expand_dims(ops.cast(mask, "bool"), -1), inputs, 0)
        values = self._split(self.value(inputs))
        scores = ops.expand_dims(self.attention_scores(inputs, mask), -1)
        pooled = ops.sum(scores * values, axis=1)
        return self.output_map(ops.reshape(pooled, (-1, self.num_heads * self.key_dim)))

    def compute_mask(self, inputs, mask=None):
        return None  # no steps are left

    def compute_output_shape(self, input_shape):
        return (input_shape[0], input_shape[-1])

    def get_config(self):
        return {**super().get_config(), "num_heads": self.num_heads, "key_dim": self.key_dim}
