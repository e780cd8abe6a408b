"""The ways a .tflite file can be made smaller, by name."""

from __future__ import annotations

from kerazoo.errors import unknown_name

QUANTIZE_MODES: dict[str, str] = {
    "float16": "weights stored in 16 bits, computed in float32",
    "dynamic": "weights in 8 bits, activations quantized while running",
    "int8": "all of it in 8 bits, float32 in and out",
    "int8_io": "all of it in 8 bits, int8 in and out",
    "int16x8": "activations in 16 bits, weights in 8, float32 in and out",
}

CARRIED_MODES: dict[str, str] = {
    "int8_weights": "weights in 8 bits, activations in float32",
    "int4_weights": "weights in 4 bits, activations in 8, float32 in and out",
}
"""Modes that only models made by `kerazoo.compress.quantize_aware` have."""

CALIBRATED_MODES = frozenset({"int8", "int8_io", "int16x8"})
"""Modes whose activation ranges come from sample data."""


def check_mode(quantize: str | None) -> None:
    """Raise `UnknownNameError` unless `quantize` is None or a known mode."""
    known = {**QUANTIZE_MODES, **CARRIED_MODES}
    if quantize is not None and quantize not in known:
        raise unknown_name("quantize mode", quantize, known)
