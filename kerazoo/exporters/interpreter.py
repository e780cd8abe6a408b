"""Opening the TFLite runtime on the bytes of a file."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from kerazoo.errors import DataError
from kerazoo.exporters.flatbuffer import damaged
from kerazoo.exporters.quiet import quiet

_opened_before = False


def open_interpreter(
    content: bytes, *, threads: int | None = None, keep_all_tensors: bool = False
) -> Any:
    """An ai-edge-litert interpreter, with its tensors allocated unless a size is open.

    Args:
        content: a .tflite file.
        threads: threads the kernels may use; None leaves it to the runtime.
        keep_all_tensors: keep intermediate values readable; slower, since each operator is then
            delegated by itself. The kernels stay the same: XNNPACK's where it has the operator
            (ai-edge-litert 2.3; runtimes of 2024 switched it off here).

    Raises:
        kerazoo.errors.DataError: damaged, or an operator that the runtime lacks.
    """
    from ai_edge_litert.interpreter import Interpreter

    global _opened_before
    # The runtime announces its CPU delegate on stderr, the first time only.
    silence = contextlib.nullcontext() if _opened_before else quiet()
    try:
        with silence, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # "for debugging purposes only": it is
            interpreter = Interpreter(
                model_content=content,
                num_threads=threads,
                experimental_preserve_all_tensors=keep_all_tensors,
            )
            # With a length left open, the placeholder 1 may be less than the model can take.
            if not has_open_sizes(interpreter):
                interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        raise damaged(error) from error
    _opened_before = True
    return interpreter


def has_open_sizes(interpreter: Any) -> bool:
    """Whether an input leaves its batch or another size open, to be set by `resize`."""
    return any((d["shape_signature"] < 0).any() for d in interpreter.get_input_details())


def resize(interpreter: Any, shapes: Mapping[int, Sequence[int]]) -> None:
    """Give inputs (by tensor index) these shapes, batch first, and allocate.

    Raises:
        kerazoo.errors.DataError: a shape that an operator cannot take.
    """
    try:
        for index, shape in shapes.items():
            interpreter.resize_tensor_input(index, list(shape))
        interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        raise DataError(
            f"The file cannot take inputs of the shapes {[tuple(s) for s in shapes.values()]}: "
            f"{str(error).strip().splitlines()[0]}"
        ) from error


def signature_details(interpreter: Any) -> tuple[dict[str, dict], dict[str, dict]]:
    """The runtime's details of inputs and of outputs by name, in the order of the signature.

    Files from before signatures give the names of their tensors.
    """
    keys = list(interpreter.get_signature_list())
    if keys:
        # Not to be kept: `invoke` refuses to run while anything else refers to the interpreter.
        runner = interpreter.get_signature_runner(keys[0])
        return runner.get_input_details(), runner.get_output_details()
    inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
    return {d["name"]: d for d in inputs}, {d["name"]: d for d in outputs}
