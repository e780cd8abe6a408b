"""Models that compute in another precision than float32, and what an export does with them."""

from __future__ import annotations

from typing import Any

from kerazoo.errors import ExportError
from kerazoo.notices import notice

LOWERED = frozenset({"mixed_bfloat16", "mixed_float16", "bfloat16", "float16"})


def in_float32(model: Any) -> Any:
    """The same model computing in float32; `model` itself where it does so already.

    Mixed precision keeps float32 weights and lowers the computation for speed in training, so the
    float32 model is the same one, computed more exactly. It is built anew from its config: changing
    the policies of the layers in place would leave the casts at the entries of nested models.

    Raises:
        ExportError: weights that are not float32, layers quantized by `model.quantize`, or a mixed
            model with classes that Keras cannot build from a config.
    """
    import keras

    from kerazoo.layers._copy_weights import copy_weights

    # Keras has no public walk that reaches the sublayers of composite layers.
    layers = list(model._flatten_layers(include_self=True, recursive=True))
    _check_weights(model, layers)
    mixed = [layer for layer in layers if layer.compute_dtype in LOWERED]
    if not mixed:
        return model
    notice(
        f"The model {model.name!r} computes in {mixed[0].dtype_policy.name}; "
        "the exported file computes in float32."
    )
    config = keras.saving.serialize_keras_object(model)
    config.pop("compile_config", None)
    try:
        copy = keras.saving.deserialize_keras_object(_raised(config), safe_mode=True)
    except Exception as error:  # Keras raises TypeError, ValueError, KeyError and more
        raise ExportError(
            f"The model {model.name!r} computes in mixed precision and cannot be rebuilt in "
            f"float32: {str(error).strip().splitlines()[0]} Register its classes with "
            "@keras.saving.register_keras_serializable(), or build it in float32."
        ) from error
    copy_weights(model, copy)
    return copy


def _raised(config: Any) -> Any:
    """The config with every lowered dtype or policy in it replaced by float32."""
    if isinstance(config, list | tuple):
        return type(config)(_raised(value) for value in config)
    if not isinstance(config, dict):
        return config
    if config.get("class_name") == "DTypePolicy":
        name = config["config"]["name"]
        return {**config, "config": {"name": "float32" if name in LOWERED else name}}
    return {
        key: "float32"
        if key == "dtype" and isinstance(value, str) and value in LOWERED
        else _raised(value)
        for key, value in config.items()
    }


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
