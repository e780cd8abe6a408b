"""Multi-head attention in integers."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from kerazoo.compress._quantized_layer import QuantizedLayer
from kerazoo.compress._weight_fake_quant import quantize_weights, weight_range

SOFTMAX_RANGE = (0.0, 255 / 256)
BELOW_ALL = 8.0
"""How far a masked score is put below the lowest: exp(-8) is less than half a step of 1 / 256."""


@keras.saving.register_keras_serializable(package="kerazoo")
class QuantizedMultiHeadAttention(QuantizedLayer):
    """softmax(q k^T / sqrt(key_dim)) v, projected, with every product of matrices fake-quantized.

    q = FQ(x q(W / sqrt(key_dim)) + b / sqrt(key_dim)): the scale is part of the query's kernel,
    whose integers it does not change. k and v likewise, without it; scores = FQ(q k^T);
    p = softmax(scores) in [0, 255 / 256]; FQ(p v) is projected to the output, which gets its range
    from the planner.

    Masks (causal, attention, of Keras) are SELECT_V2 between the scores and a constant below all of
    them; they stay integer as long as the mask itself is a constant, or booleans or integers of the
    input. Sliding windows are masks too.

    Call arguments, shapes: as `keras.layers.MultiHeadAttention`.
    """

    def __init__(self, layer: keras.Layer, scheme: Any = None, **kwargs: Any):
        super().__init__(layer, scheme, **kwargs)
        for name in ("query", "key", "value", "scores", "masked", "context"):
            setattr(self, f"{name}_quantizer", self.activation_quantizer(name))
        self.softmax_quantizer = self.activation_quantizer("softmax", fixed_range=SOFTMAX_RANGE)
        # Of each projection, whose own layers are never called.
        given = self.inner._activity_regularizer
        self.regularizer = (
            None if given is None else keras.layers.Identity(activity_regularizer=given)
        )

    def build(self, query_shape, value_shape, key_shape=None):
        if not self.layer.built:
            self.layer.build(query_shape, value_shape, key_shape)
            self.layer.built = True
        for name in ("query", "key", "value", "scores", "context", "softmax"):
            getattr(self, f"{name}_quantizer").build(None)
        # That of masked scores is built where it is called: without a mask it would see no values.

    def call(
        self,
        query,
        value,
        key=None,
        query_mask=None,
        value_mask=None,
        key_mask=None,
        attention_mask=None,
        return_attention_scores=False,
        training=None,
        use_causal_mask=False,
    ):
        key = value if key is None else key
        mask = self.inner._compute_attention_mask(
            query, value, query_mask, value_mask, key_mask, attention_mask, use_causal_mask
        )
        scale = self.inner.key_dim**-0.5
        query = self.query_quantizer(self._project(query, self.inner.query_dense, scale))
        key = self.key_quantizer(self._project(key, self.inner.key_dense))
        value = self.value_quantizer(self._project(value, self.inner.value_dense))
        scores = self.scores_quantizer(ops.einsum(self.inner._dot_product_equation, key, query))
        shares = self.softmax_quantizer(ops.softmax(self._masked(scores, mask), axis=-1))
        dropped = shares
        if self.inner.dropout > 0:
            dropped = self.inner._dropout_layer(shares, training=training)
        context = ops.einsum(self.inner._combine_equation, dropped, value)
        outputs = self._project(self.context_quantizer(context), self.inner.output_dense)
        return (outputs, shares) if return_attention_scores else outputs

    def _project(self, inputs, dense, scale=1.0):
        kernel = quantized_kernel(dense.kernel, self.bits, scale)
        outputs = ops.einsum(dense.equation, self.cast(inputs), self.cast(kernel))
        if dense.bias is not None:
            outputs = outputs + self.cast(ops.convert_to_tensor(dense.bias) * scale)
        if self.regularizer is not None:
            self.regularizer(outputs / scale)
        return outputs

    def _masked(self, scores, mask):
        if mask is None:
            return scores
        while len(mask.shape) < len(scores.shape):
            mask = ops.expand_dims(mask, axis=-3)
        if self.scheme.activation_bits is None:
            return ops.where(mask, scores, ops.cast(-3e4, scores.dtype))
        low, _ = self.scores_quantizer.range()
        below = ops.cast(ops.stop_gradient(low) - BELOW_ALL, scores.dtype)
        return self.masked_quantizer(ops.where(mask, scores, below))

    def compute_output_shape(  # type: ignore[override]
        self, query_shape, value_shape, key_shape=None
    ):
        return self.layer.compute_output_shape(query_shape, value_shape, key_shape)

    def quantized_weights(self) -> dict[str, Any]:
        """Without the scale that the query's kernel carries in the file."""
        layers = {
            "query": self.inner.query_dense,
            "key": self.inner.key_dense,
            "value": self.inner.value_dense,
            "attention_output": self.inner.output_dense,
        }
        return {
            f"{name}/kernel": quantized_kernel(layer.kernel, self.bits)
            for name, layer in layers.items()
        }


def quantized_kernel(kernel: Any, bits: int, scale: float = 1.0) -> Any:
    """q(kernel * scale), with one range for the whole kernel."""
    kernel = ops.convert_to_tensor(kernel) * scale
    return quantize_weights(kernel, weight_range(kernel, per_channel=False), bits=bits)
