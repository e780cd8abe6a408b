"""Activation functions that integer kernels have only in pieces."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from kerazoo.compress._quantized_layer import QuantizedLayer

UNIT_RANGE = (0.0, 255 / 256)
"""Of sigmoid and softmax: what their 8-bit kernels write, steps of 1 / 256 from 0 on."""

TANH_RANGE = (-1.0, 127 / 128)

Quantize = Callable[[str, Any], Any]
"""`quantize(name, tensor)`: the tensor rounded within the range of that name."""


@keras.saving.register_keras_serializable(package="kerazoo")
class QuantizedActivation(QuantizedLayer):
    """An `Activation` or `ELU` layer, written out with a range after each of its pieces.

    silu(x) = x sigmoid(x); hard_sigmoid(x) = relu6(x + 3) / 6;
    elu(x) = max(x, 0) + alpha (exp(min(x, 0)) - 1), selu(x) = 1.0507 elu(x) with alpha 1.67326;
    softplus(x) = max(x, 0) + log(1 + exp(-|x|)); mish(x) = x tanh(softplus(x));
    softsign(x) = x / (1 + |x|). The last piece gets its range from the planner.

    Shape: any, to the same.
    """

    def __init__(self, layer: keras.Layer, scheme: Any = None, **kwargs: Any):
        super().__init__(layer, scheme, **kwargs)
        self._write_out, pieces = FORMS[activation_name(self.inner)]
        self.alpha = getattr(self.inner, "alpha", 1.0)
        if isinstance(self.inner, keras.layers.ELU) and self.alpha != 1.0:
            pieces = {**pieces, "scaled": None}
        self.quantizers = {
            name: self.activation_quantizer(name, fixed_range=fixed_range)
            for name, fixed_range in pieces.items()
        }

    def build(self, input_shape):
        super().build(input_shape)
        for quantizer in self.quantizers.values():
            quantizer.build(None)

    def call(self, inputs):
        def quantize(name, tensor):
            return self.quantizers[name](tensor)

        return self._write_out(self.cast(inputs), quantize, self.alpha)


def activation_name(layer: keras.Layer) -> str:
    """ "silu" of Activation("silu"), "elu" of ELU()."""
    return "elu" if isinstance(layer, keras.layers.ELU) else known_name(layer.activation)


def known_name(activation: Any) -> str:
    """The name of a function of Keras's or TensorFlow's; empty for others, which may be called
    the same and compute something else."""
    import tensorflow as tf

    name = getattr(activation, "__name__", "")
    homes = (keras.activations, keras.ops, tf.nn)
    return name if any(getattr(home, name, None) is activation for home in homes) else ""


def _silu(x: Any, quantize: Quantize, alpha: float) -> Any:
    return x * quantize("sigmoid", ops.sigmoid(x))


def _hard_sigmoid(x: Any, quantize: Quantize, alpha: float) -> Any:
    return quantize("clipped", ops.relu6(x + 3.0)) * (1 / 6)


def _elu(x: Any, quantize: Quantize, alpha: float) -> Any:
    exponential = quantize("exponential", ops.exp(quantize("negative", ops.minimum(x, 0.0))))
    below = quantize("below", exponential - 1.0)
    if alpha != 1.0:
        below = quantize("scaled", below * alpha)
    return quantize("positive", ops.relu(x)) + below


def _selu(x: Any, quantize: Quantize, alpha: float) -> Any:
    return quantize("elu", _elu(x, quantize, 1.6732632423543772)) * 1.0507009873554805


def _softplus(x: Any, quantize: Quantize, alpha: float) -> Any:
    negative = quantize("negative", quantize("absolute", ops.abs(x)) * -1.0)
    one_more = quantize("one_more", quantize("exponential", ops.exp(negative)) + 1.0)
    logarithm = quantize("logarithm", ops.log(ops.maximum(one_more, 1.0)))
    return quantize("positive", ops.relu(x)) + logarithm


def _mish(x: Any, quantize: Quantize, alpha: float) -> Any:
    return x * quantize("tanh", ops.tanh(quantize("softplus", _softplus(x, quantize, alpha))))


def _softsign(x: Any, quantize: Quantize, alpha: float) -> Any:
    return x / quantize("one_more", quantize("absolute", ops.abs(x)) + 1.0)


def _observed(*names: str) -> dict[str, None]:
    return dict.fromkeys(names)


_ELU = _observed("negative", "exponential", "below", "positive")
_SOFTPLUS = _observed("absolute", "negative", "exponential", "one_more", "logarithm", "positive")

FORMS: dict[str, tuple[Callable[[Any, Quantize, float], Any], dict[str, Any]]] = {
    "silu": (_silu, {"sigmoid": UNIT_RANGE}),
    "hard_sigmoid": (_hard_sigmoid, _observed("clipped")),
    "elu": (_elu, _ELU),
    "selu": (_selu, {**_ELU, "scaled": None, "elu": None}),
    "softplus": (_softplus, _SOFTPLUS),
    "mish": (_mish, {**_SOFTPLUS, "softplus": None, "tanh": TANH_RANGE}),
    "softsign": (_softsign, _observed("absolute", "one_more")),
}
"""Name of the activation -> how it is written out, and its ranges: None for an observed one."""
