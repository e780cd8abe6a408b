"""Opening the TFLite runtime on the bytes of a file."""

from __future__ import annotations

import contextlib
from typing import Any

from .flatbuffer import damaged
from .quiet import quiet

_opened_before = False


def open_interpreter(
    content: bytes, *, threads: int | None = None, keep_all_tensors: bool = False
) -> Any:
    """An ai-edge-litert interpreter with its tensors allocated.

    Args:
        content: a .tflite file.
        threads: threads the kernels may use; None leaves it to the runtime.
        keep_all_tensors: keep intermediate values readable; slower, since operators are then
            neither fused nor delegated.

    Raises:
        kerazoo.errors.DataError: damaged, or an operator that the runtime lacks.
    """
    from ai_edge_litert.interpreter import Interpreter

    global _opened_before
    # The runtime announces its CPU delegate on stderr, the first time only.
    silence = contextlib.nullcontext() if _opened_before else quiet()
    try:
        with silence:
            interpreter = Interpreter(
                model_content=content,
                num_threads=threads,
                experimental_preserve_all_tensors=keep_all_tensors,
            )
            interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        raise damaged(error) from error
    _opened_before = True
    return interpreter
