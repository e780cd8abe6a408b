"""Whether this processor computes in bfloat16, or would emulate it for minutes a step."""

from __future__ import annotations

EMULATED = "this processor would emulate bfloat16"


def has_bfloat16() -> bool:
    """By what Linux says of the processor; elsewhere nobody says, and it is tried."""
    from kerazoo.inspect import environment

    sets = environment().instruction_sets
    return not sets or not {"avx512_bf16", "amx_bf16", "bf16"}.isdisjoint(sets)
