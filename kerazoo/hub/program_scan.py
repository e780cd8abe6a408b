"""The scan of a SavedModel before TensorFlow loads it."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from kerazoo.foreign.program_scan import refusals


def check_program(root: Path, named: str, *, operations: Collection[str] = ()) -> None:
    """Refuse a SavedModel that could touch files or Python; it is not loaded for this.

    Args:
        root: its folder.
        named: what error messages call it.
        operations: names of operations that are allowed besides those on the list.

    Raises:
        HubError: names the operation, or the file, that is refused; or the program is damaged.
    """
    from tensorflow.python.framework import op_def_registry

    def is_operation(name: str) -> bool:
        return op_def_registry.get(name) is not None

    for refusal in refusals(root, named, operations=operations, is_operation=is_operation):
        raise refusal
