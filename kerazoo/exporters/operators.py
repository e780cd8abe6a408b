"""Which operators a .tflite file holds, and which of them still compute in floating point."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from kerazoo.exporters.flatbuffer import damaged, unpack


@dataclass(frozen=True)
class Operator:
    """One operator of the file: its name ("CONV_2D") and whether a float tensor touches it."""

    name: str
    is_float: bool


def list_operators(content: bytes) -> list[Operator]:
    """All operators of all subgraphs, in order of execution.

    The QUANTIZE of a float input and the DEQUANTIZE of a float output count as integer: they are
    the file's two ends, not part of its computation.

    Raises:
        DataError: a damaged file.
    """
    model = unpack(content)
    try:
        return [operator for graph in model.subgraphs for operator in _operators(model, graph)]
    except (AttributeError, IndexError, TypeError, UnicodeDecodeError) as error:
        raise damaged(
            error
        ) from error  # numbers of tensors, operators and texts that are not there


def count(operators: list[Operator]) -> dict[str, int]:
    """Operator name -> how often it occurs, most frequent first."""
    return dict(Counter(operator.name for operator in operators).most_common())


def float_operators(operators: list[Operator]) -> tuple[str, ...]:
    """Names of the operators that compute in floating point, each once, in order."""
    return tuple(dict.fromkeys(operator.name for operator in operators if operator.is_float))


def flex_operators(operators: list[Operator]) -> tuple[str, ...]:
    """Names of the operators that only the Flex delegate runs."""
    return tuple(
        dict.fromkeys(operator.name for operator in operators if operator.name.startswith("Flex"))
    )


def ends_in_probabilities(content: bytes) -> bool:
    """Whether the first output is a softmax or a sigmoid, converted or reshaped at most.

    Raises:
        DataError: a damaged file.
    """
    from ai_edge_litert import schema_py_generated as schema

    try:  # not by `unpack`, which takes seconds for a large file
        model = schema.Model.GetRootAs(content)
        graph = model.Subgraphs(0)
        wanted = graph.Outputs(0)
        for index in reversed(range(graph.OperatorsLength())):
            operator = graph.Operators(index)
            if wanted not in map(operator.Outputs, range(operator.OutputsLength())):
                continue
            code = model.OperatorCodes(operator.OpcodeIndex())
            name = name_of_code(code.BuiltinCode(), code.DeprecatedBuiltinCode(), code.CustomCode())
            if name not in ("DEQUANTIZE", "QUANTIZE", "CAST", "RESHAPE"):
                return name in ("SOFTMAX", "LOGISTIC")
            wanted = operator.Inputs(0)
    except Exception as error:  # as in `flatbuffer.unpack`
        raise damaged(error) from error
    return False


def operator_name(model: Any, operator: Any) -> str:
    """ "CONV_2D", or the custom name, of one operator of an unpacked file."""
    code = model.operatorCodes[operator.opcodeIndex]
    return name_of_code(code.builtinCode, code.deprecatedBuiltinCode, code.customCode)


def name_of_code(code: int, deprecated_code: int, custom: bytes | str | None) -> str:
    """The name of an entry in the file's list of operators."""
    from ai_edge_litert import schema_py_generated as schema

    # Files from before 2020 have the code in a byte of its own; new codes do not fit there.
    number = max(code, deprecated_code)
    if number == schema.BuiltinOperator.CUSTOM:
        return custom.decode() if isinstance(custom, bytes) else str(custom)
    return _builtin_names().get(number, f"BUILTIN_{number}")


def _operators(model: Any, graph: Any) -> Iterator[Operator]:
    inputs, outputs = set(map(int, graph.inputs)), set(map(int, graph.outputs))
    for operator in graph.operators or []:
        name = operator_name(model, operator)
        read = {int(index) for index in operator.inputs if index >= 0}
        written = {int(index) for index in operator.outputs if index >= 0}
        is_end = (name == "QUANTIZE" and read <= inputs) or (
            name == "DEQUANTIZE" and written <= outputs
        )
        touches_float = any(_is_float(graph.tensors[index]) for index in read | written)
        yield Operator(name, touches_float and not is_end)


def _is_float(tensor: Any) -> bool:
    from ai_edge_litert import schema_py_generated as schema

    kinds = schema.TensorType
    return tensor.type in (kinds.FLOAT32, kinds.FLOAT16, kinds.FLOAT64, kinds.BFLOAT16)


@cache
def _builtin_names() -> dict[int, str]:
    from ai_edge_litert import schema_py_generated as schema

    return {
        number: name
        for name, number in vars(schema.BuiltinOperator).items()
        if isinstance(number, int)
    }
