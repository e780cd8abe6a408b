"""What models carry into their file: their quantization, their zeros and few values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kerazoo.errors import ExportError
from kerazoo.exporters.modes import CALIBRATED_MODES, CARRIED_MODES


def carried_mode(model: Any) -> str | None:
    """The mode that the model's layers amount to; None if they carry no quantization."""
    activation_bits = {layer.bits for layer in fake_quantizations(model)} - {None}
    weight_bits = {layer.bits for layer in _quantized_layers(model)}
    if not activation_bits and not weight_bits:
        return None
    if 4 in weight_bits:
        return "int4_weights"
    if not activation_bits:
        return "int8_weights"
    return "int16x8" if 16 in activation_bits else "int8"


def mode_of(model: Any, quantize: str | None) -> str | None:
    """`quantize`, or what the model carries where it carries something.

    Raises:
        ExportError: a mode that the model was not made for, or ranges that have seen no values.
    """
    carried = carried_mode(model)
    if carried is None:
        if quantize in CARRIED_MODES:
            raise ExportError(
                f"quantize={quantize!r} needs a model that carries it: "
                f"`kerazoo.compress.quantize_aware(model, scheme={quantize!r})`."
            )
        return quantize
    allowed = [carried, "int8", "int8_io"] if _has_8_bit_activations(model) else [carried]
    if quantize is not None and quantize not in allowed:
        raise ExportError(
            f"The model {model.name!r} carries its quantization, {carried!r}. Received: "
            f"quantize={quantize!r}. Leave `quantize` out, or strip the model first: "
            "`kerazoo.compress.strip(model)`."
        )
    _check_calibrated(model)
    return "int8_io" if quantize == "int8_io" else carried


def needs_samples(model: Any, mode: str | None) -> bool:
    """Whether the ranges in the file come from sample data, and not from the model.

    The converter turns fake-quantized layers into ones of 16 bits only where it has a form of all
    of them; other models of 16 bits are calibrated as plain ones, with their rounded weights.
    """
    if mode not in CALIBRATED_MODES or carried_mode(model) is None:
        return mode in CALIBRATED_MODES
    from kerazoo.compress._sixteen_bits import can_convert

    return mode == "int16x8" and not can_convert(model)


def for_conversion(model: Any, mode: str | None) -> Any:
    """The model that the converter is given.

    It finds weights to store in 8 bits only where nothing is fake-quantized. Those given here are
    rounded already, so that storing them changes nothing.
    """
    if carried_mode(model) is None or not (mode == "int8_weights" or needs_samples(model, mode)):
        return model
    from kerazoo.compress._unquantized import unquantized

    return unquantized(model)


def constrained(model: Any) -> Any:
    """`model` with plain layers whose weights have the zeros and few values that `prune` and
    `cluster` promise, whatever was assigned to them since: `use_ema` assigns averages."""
    from kerazoo.compress import strip
    from kerazoo.compress.constrained_layer import ConstrainedLayer

    layers = model._flatten_layers(include_self=False, recursive=True)
    if carried_mode(model) is not None or not any(
        isinstance(layer, ConstrainedLayer) for layer in layers
    ):
        return model
    plain = strip(model)
    plain.name = model.name
    return plain


def fake_quantizations(model: Any) -> Iterator[Any]:
    """All FakeQuantize layers, those inside of other layers too."""
    from kerazoo.compress.fake_quantize import FakeQuantize

    # Keras has no public walk that reaches the sublayers of composite layers.
    return (layer for layer in model._flatten_layers() if isinstance(layer, FakeQuantize))


def _quantized_layers(model: Any) -> Iterator[Any]:
    from kerazoo.compress._quantized_layer import QuantizedLayer

    return (layer for layer in model._flatten_layers() if isinstance(layer, QuantizedLayer))


def _has_8_bit_activations(model: Any) -> bool:
    return any(layer.bits == 8 for layer in fake_quantizations(model))


def _check_calibrated(model: Any) -> None:
    used = [layer for layer in fake_quantizations(model) if layer.built]
    names = [layer.name for layer in used if not layer.is_calibrated]
    if names:
        more = f" and {len(names) - 5} more" if len(names) > 5 else ""
        raise ExportError(
            f"The ranges {', '.join(map(repr, names[:5]))}{more} of {model.name!r} have seen no "
            "values, so the file would give zeros: train the model, or call "
            "`kerazoo.compress.calibrate(model, data)`."
        )
