"""A block of a Transformer, normalized first, that can also go step by step."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers, ops

from kerazoo.argument_checks import check_integer, check_number
from kerazoo.errors import ConfigError, DataError
from kerazoo.layers._checks import check_sequence
from kerazoo.layers._trainable_parts import freeze_parts_with
from kerazoo.layers.cached_attention import CachedAttention


@keras.saving.register_keras_serializable(package="kerazoo")
class TransformerBlock(layers.Layer):
    """x + f(norm(x)) for each f of: attention to itself, to a context, and two dense layers.

    The attention to a context is there if `has_context` says so: with `is_causal` too it is a block
    of a decoder, with neither one of an encoder, with `is_causal` alone one of a language model.
    Normalized before each part, not after it (Xiong et al. 2020, arXiv:2002.04745), so that it
    trains at high rates; a last normalization after all blocks is up to the model.

    `start` and `step` compute the block for one step after another, with what was computed for
    earlier ones: the same numbers as for all steps at once.

    Source: Vaswani et al. 2017, arXiv:1706.03762, section 3.

    Args:
        num_heads: of each attention, 1 or more; divides the number of features.
        hidden_units: width between the two dense layers, 1 or more.
        dropout: fraction of what each part adds that is dropped in training, 0 to below 1.
        is_causal: whether a step attends to no later one.
        has_context: whether there is attention to a context.
        activation: between the two dense layers.
        seed: of the dropout.

    Call arguments:
        inputs: `(batch, time, features)`.
        context: `(batch, steps, features)`, of as many features, with `has_context` only.
        mask: bool, `(batch, time)`: which steps of the inputs there are; None: all.
        context_mask: bool, `(batch, steps)`: the same of the context.

    Shape: that of `inputs`. Masks pass.

    Raises: ConfigError for arguments out of range, heads that do not divide the features, or a
    method that the block is not made for; DataError for inputs or a context of another shape, and
    for a context that is missing, or that the block has no use for.

    >>> block = TransformerBlock(num_heads=2, hidden_units=16, has_context=True)
    >>> tuple(block(np.ones((1, 3, 8)), context=np.ones((1, 5, 8))).shape)
    (1, 3, 8)
    """

    def __init__(
        self,
        num_heads: int,
        hidden_units: int,
        dropout: float = 0.0,
        is_causal: bool = False,
        has_context: bool = False,
        activation: Any = "relu",
        seed: int | None = None,
        **kwargs: Any,
    ):
        super().__init__(**kwargs)
        self.supports_masking = True
        self.num_heads = check_integer("num_heads", num_heads)
        self.hidden_units = check_integer("hidden_units", hidden_units)
        self.dropout = check_number("dropout", dropout, least=0, below=1)
        self.is_causal, self.has_context, self.seed = is_causal, has_context, seed
        self.activation = keras.activations.get(activation)
        self.drop = layers.Dropout(dropout, seed=seed, dtype=self.dtype_policy, name="drop")

    def build(self, input_shape):
        check_sequence(self.name, input_shape)
        features = input_shape[-1]
        self.input_spec = layers.InputSpec(ndim=3, axes={-1: features})
        if features % self.num_heads:
            raise ConfigError(
                f"`num_heads` must divide the number of features. Received: "
                f"num_heads={self.num_heads}, {features} features."
            )
        size = features // self.num_heads
        own = {"dtype": self.dtype_policy}
        self.attention = CachedAttention(
            self.num_heads, size, is_causal=self.is_causal, name="attention", **own
        )
        self.attention_norm = layers.LayerNormalization(name="attention_norm", **own)
        parts = [self.attention, self.attention_norm]
        if self.has_context:
            self.context_attention = CachedAttention(
                self.num_heads, size, name="context_attention", **own
            )
            self.context_norm = layers.LayerNormalization(name="context_norm", **own)
            parts += [self.context_attention, self.context_norm]
        self.hidden = layers.Dense(
            self.hidden_units, activation=self.activation, name="hidden", **own
        )
        self.output_map = layers.Dense(features, name="output", **own)
        self.dense_norm = layers.LayerNormalization(name="dense_norm", **own)
        for part in [*parts, self.hidden, self.dense_norm]:
            part.build(input_shape)
        self.output_map.build((*input_shape[:-1], self.hidden_units))
        freeze_parts_with(self)

    def call(self, inputs, context=None, mask=None, context_mask=None, training=None):
        self._check_context(context)
        added = self.attention(self.attention_norm(inputs), mask=mask, training=training)
        x = inputs + self.drop(added, training=training)
        if self.has_context:
            asked = self.context_norm(x)
            added = self.context_attention(
                asked, context=context, context_mask=context_mask, training=training
            )
            x = x + self.drop(added, training=training)
        return x + self.drop(self._dense(x), training=training)

    def context_shares(self, inputs, context, context_mask=None):
        """How much each step attends to each of the context, mean over heads: `(batch, time,
        steps)` of sum 1. Arguments as in `call`. Only for blocks with `has_context`."""
        self._check_made_with("has_context", "context_shares")
        self._check_context(context)
        x = inputs + self.attention(self.attention_norm(inputs), training=False)
        keys, _ = self.context_attention.keys_and_values(context)
        mask = None if context_mask is None else ops.expand_dims(context_mask, 1)
        return ops.mean(self.context_attention.shares(self.context_norm(x), keys, mask), axis=1)

    def start(self, context):
        """What `step` wants to have of the context: its keys and values."""
        self._check_context(context)
        return self.context_attention.keys_and_values(context) if self.has_context else ()

    def step(self, inputs, position, cache, context=(), context_mask=None):
        """One step, as `call` computes it, and the cache with this step in it.

        Args:
            inputs: `(batch, 1, features)`.
            position: integer, the number of steps before.
            cache: keys and values of those, and room for others: two of
                `(batch, heads, most steps, features / heads)`, zeros at first.
            context: what `start` gave.
            context_mask: as in `call`.

        Only for blocks with `is_causal`: without later steps others would compute something else.
        """
        self._check_made_with("is_causal", "step")
        inputs = ops.convert_to_tensor(inputs)
        asked = self.attention_norm(inputs)
        steps = ops.arange(ops.shape(cache[0])[2])
        is_here = ops.reshape(ops.equal(steps, position), (1, 1, -1, 1))
        keys, values = (
            ops.where(is_here, new, old)  # in TFLite there is no writing into a tensor
            for new, old in zip(self.attention.keys_and_values(asked), cache, strict=True)
        )
        is_known = ops.reshape(ops.less_equal(steps, position), (1, 1, -1))
        x = inputs + self.attention.attend(asked, keys, values, is_known)
        if self.has_context:
            mask = None if context_mask is None else ops.expand_dims(context_mask, 1)
            asked, (known, said) = self.context_norm(x), context
            x = x + self.context_attention.attend(asked, known, said, mask)
        return x + self._dense(x), (keys, values)

    def _dense(self, x):
        return self.output_map(self.hidden(self.dense_norm(x)))

    def _check_made_with(self, argument, method):
        if not getattr(self, argument):
            raise ConfigError(
                f"`{method}` is for blocks with {argument}=True. Received: layer {self.name!r} "
                f"with {argument}=False. Make the block with {argument}=True."
            )

    def _check_context(self, context):
        if (context is not None) != self.has_context:
            raise DataError(
                f"Layer {self.name!r} was made with has_context={self.has_context}. "
                f"Received: {'no context' if context is None else 'a context'}."
            )

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        return {
            **super().get_config(),
            "num_heads": self.num_heads,
            "hidden_units": self.hidden_units,
            "dropout": self.dropout,
            "is_causal": self.is_causal,
            "has_context": self.has_context,
            "activation": keras.activations.serialize(self.activation),
            "seed": self.seed,
        }
