"""Models that compute in another precision than float32, and what an export does with them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from kerazoo.errors import ExportError
from kerazoo.notices import notice


@contextlib.contextmanager
def computing_in_float32(model: Any) -> Iterator[None]:
    """Let a mixed-precision model compute in float32 inside; its own policy holds again after.

    Mixed precision keeps float32 weights and lowers the computation for speed in training, so
    float32 is the same model, computed more exactly. Not to be called from two threads at once
    for one model.

    Raises:
        ExportError: weights that are not float32, or layers quantized by `model.quantize`.
    """
    import keras

    layers = list(_all_layers(model))
    _check_weights(model, layers)
    mixed = [layer for layer in layers if layer.compute_dtype in ("float16", "bfloat16")]
    if mixed:
        notice(
            f"The model {model.name!r} computes in {mixed[0].dtype_policy.name}; "
            "the exported file computes in float32."
        )
    policies = [(layer, layer.dtype_policy) for layer in mixed]
    try:
        for layer in mixed:
            layer.dtype_policy = keras.dtype_policies.DTypePolicy("float32")
        yield
    finally:
        for layer, policy in policies:
            layer.dtype_policy = policy


def _check_weights(model: Any, layers: list) -> None:
    for layer in layers:
        if getattr(layer.dtype_policy, "quantization_mode", None):
            raise ExportError(
                f"The layer {layer.name!r} was quantized by model.quantize(), which TFLite cannot "
                "take over. Export the float model with quantize=... instead."
            )
    for weight in model.weights:
        if str(weight.dtype) in ("float16", "bfloat16", "float64"):
            raise ExportError(
                f"The weight {weight.path!r} is {weight.dtype}, and exported files compute in "
                'float32. Build the model with dtype="float32" or "mixed_bfloat16".'
            )


def _all_layers(model: Any) -> Iterator[Any]:
    """The model and all layers inside it, nested models and composite layers included."""
    # Keras has no public walk that reaches the sublayers of composite layers.
    yield from model._flatten_layers(include_self=True, recursive=True)
