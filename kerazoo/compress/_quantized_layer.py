"""The base of all layers that compute with the numbers an integer file will hold."""

from __future__ import annotations

from typing import Any

import keras

from kerazoo.compress._tensorflow_only import check_backend
from kerazoo.compress.fake_quantize import FakeQuantize
from kerazoo.compress.scheme import QuantizationScheme

INT16_FIXED_RANGE = (-32767 / 32768, 32767 / 32768)
"""Of sigmoid, softmax and tanh: the steps of 1 / 32768 that the 16-bit kernels write."""


class QuantizedLayer(keras.layers.Wrapper):
    """A Keras layer, kept whole with its name and weights, that computes with quantized weights.

    Subclasses write `call` (and `build` where there is more to build) with `self.inner`, whose
    weights they quantize, and `quantized_weights`. Fake-quants of intermediate results are made in
    `__init__` by `self.activation_quantizer(name)`. Variables are read in float32 whatever the
    precision of the model; results of `self.cast` are in the compute dtype of the wrapped layer.

    Args:
        layer: the original layer, or a ConstrainedLayer around it.
        scheme: bits of weights and activations, a QuantizationScheme or the dict of its fields.
    """

    def __init__(self, layer: keras.Layer, scheme: Any = None, **kwargs: Any):
        check_backend(type(self).__name__)  # for a file that another backend loads
        kwargs.setdefault("name", layer.name)
        kwargs["dtype"] = "float32"  # see the class: computing in less is done by `cast`
        super().__init__(layer, autocast=False, **kwargs)
        self.scheme = as_scheme(scheme)
        self.supports_masking = layer.supports_masking

    @property
    def inner(self) -> keras.Layer:
        """The original Keras layer."""
        return unconstrained(self.layer)

    @property
    def bits(self) -> int:
        """Of the weights: 8 or 4."""
        return self.scheme.weight_bits

    @property
    def has_one_range(self) -> bool:
        """Whether a kernel has to keep one range: one clustered as a whole keeps its few values."""
        return has_one_range(self.layer)

    def quantized_weights(self) -> dict[str, Any]:
        """Weight name -> array in float32, as the file will hold it after dequantizing."""
        return {}

    def plain_weights(self) -> dict[str, Any]:
        """Weight path -> array: rounded weights for the original layer, which computes the same."""
        return self.quantized_weights()

    def activation_quantizer(
        self, name: str, *, members: int = 1, fixed_range: tuple[float, float] | None = None
    ) -> FakeQuantize:
        """A FakeQuantize of this layer's scheme; passes on where activations stay in float."""
        return activation_quantizer(
            self.scheme,
            name,
            members=members,
            fixed_range=fixed_range,
            trainable=self.trainable,  # which comes from a file before its parts are there
        )

    def cast(self, tensor: Any) -> Any:
        """`tensor` in the compute dtype of the wrapped layer."""
        return keras.ops.cast(tensor, self.inner.compute_dtype)

    def compute_output_spec(self, *args, **kwargs):
        # Traced: the dtype of the outputs is not that of this layer's own float32 policy.
        return keras.Operation.compute_output_spec(self, *args, **kwargs)

    def compute_output_shape(self, input_shape):
        return self.layer.compute_output_shape(input_shape)

    def get_config(self):
        return {**super().get_config(), "scheme": scheme_config(self.scheme)}


def has_one_range(layer: Any) -> bool:
    """Whether a weight of a ConstrainedLayer has a property over all of its channels together."""
    return any(
        constraint.is_per_tensor
        for chain in getattr(layer, "constraints", {}).values()
        for constraint in chain
    )


def unconstrained(layer: Any) -> Any:
    """The layer inside of a ConstrainedLayer; any other layer or operation itself."""
    while isinstance(layer, keras.layers.Wrapper) and hasattr(layer, "constraints"):
        layer = layer.layer
    return layer


def activation_quantizer(
    scheme: QuantizationScheme,
    name: str,
    *,
    members: int = 1,
    fixed_range: tuple[float, float] | None = None,
    trainable: bool = True,
) -> FakeQuantize:
    """A FakeQuantize as `scheme` wants it; it passes values on if it wants no activations."""
    if fixed_range is not None and scheme.activation_bits == 16:
        fixed_range = INT16_FIXED_RANGE
    return FakeQuantize(
        scheme.activation_bits,
        members,
        scheme.ranges,
        scheme.percentile,
        fixed_range=fixed_range,
        name=name,
        trainable=trainable,
    )


def as_scheme(scheme: Any) -> QuantizationScheme:
    """A scheme from itself, from the dict of its fields, or the default."""
    if isinstance(scheme, QuantizationScheme):
        return scheme
    return QuantizationScheme(**(scheme or {}))


def scheme_config(scheme: QuantizationScheme) -> dict[str, Any]:
    """The fields of `scheme` as plain data."""
    return {
        "weight_bits": scheme.weight_bits,
        "activation_bits": scheme.activation_bits,
        "ranges": scheme.ranges,
        "percentile": scheme.percentile,
    }
