"""`.tflite` files: offsets and sizes against the bytes there are, and operators by name.

The file is walked with the schema's own accessors: no object of it is made.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from typing import Any

from kerazoo.errors import DataError
from kerazoo.exporters.file_bounds import check_bounds
from kerazoo.exporters.flatbuffer import damaged, read_bytes
from kerazoo.exporters.operators import name_of_code
from kerazoo.foreign.program_scan import allowed_operations
from kerazoo.scan.place import Place
from kerazoo.scan.scan_report import Finding

LARGEST_TENSORS = 1 << 40
"""Bytes of all tensors of a file that are computed: more than machines have that run TFLite."""
MOST_AXES = 64
_BITS = {
    "INT2": 2,
    **dict.fromkeys(["INT4", "UINT4"], 4),
    **dict.fromkeys(["INT8", "UINT8", "BOOL", "FLOAT8_E4M3FN", "FLOAT8_E5M2"], 8),
    **dict.fromkeys(["INT16", "UINT16", "FLOAT16", "BFLOAT16"], 16),
    **dict.fromkeys(["INT32", "UINT32", "FLOAT32"], 32),
    **dict.fromkeys(["INT64", "UINT64", "FLOAT64", "COMPLEX64"], 64),
    "COMPLEX128": 128,
}


def scan(place: Place) -> Iterator[Finding]:
    """Tensors and operators of all subgraphs.

    Raises:
        DataError: the file is no TFLite file, damaged, or not as kerazoo wrote it.
    """
    from ai_edge_litert import schema_py_generated as schema

    content = read_bytes(place.path)
    try:
        model = schema.Model.GetRootAs(content, 0)
        check_bounds(model, len(content))
        walk = _Walk(schema, model, len(content))
        for at, what in walk.dangers():
            yield place.danger(what, at)
        for name, count in walk.custom.items():
            yield _of_custom(name, count, place)
    except DataError:
        raise
    except Exception as error:  # damaged offsets end in any of a dozen exceptions
        raise damaged(error) from error


def _of_custom(name: str, count: int, place: Place) -> Finding:
    if name.startswith("Flex"):
        if name.removeprefix("Flex") in allowed_operations():
            return place.notice(f"{count} operators {name}, which need TensorFlow's Flex delegate")
        return place.danger(
            f"the operator {name} of TensorFlow, which is not on the list of those that neither "
            "touch files nor call other programs"
        )
    return place.notice(f"{count} custom operators {name!r}: whoever runs it must bring their code")


class _Walk:
    """One pass through a file whose lists are known to be within bounds."""

    def __init__(self, schema: Any, model: Any, size: int) -> None:
        self._model, self._size = model, size
        self._kinds = {
            number: name for name, number in vars(schema.TensorType).items() if name.isupper()
        }
        self.custom: Counter[str] = Counter()

    def dangers(self) -> Iterator[tuple[str, str]]:
        """(place, what) of every danger; fills `custom`."""
        model = self._model
        count_groups = getattr(model, "ExternalBufferGroupsLength", int)  # older schemas: none
        for index in range(count_groups()):
            name = _text(model.ExternalBufferGroups(index).Name())
            yield "", f"keeps weights in another file ({name})"
        buffers = [self._buffer_size(i) for i in range(model.BuffersLength())]
        codes = []
        for index in range(model.OperatorCodesLength()):
            code = model.OperatorCodes(index)
            custom = code.CustomCode()
            name = name_of_code(code.BuiltinCode(), code.DeprecatedBuiltinCode(), custom)
            codes.append((name, custom is not None))
        computed = 0.0
        for number in range(model.SubgraphsLength()):
            graph, at = model.Subgraphs(number), f"subgraph {number}"
            for index in range(graph.TensorsLength()):
                tensor = graph.Tensors(index)
                needed, what = self._of_tensor(tensor, buffers)
                computed += needed
                if what:
                    yield f"{at}, tensor {_text(tensor.Name())!r}", what
            yield from self._of_operators(graph, at, codes)
        if computed > LARGEST_TENSORS:
            yield "", f"its tensors need {computed:,.0f} bytes of memory"

    def _buffer_size(self, index: int) -> int:
        """Bytes of a buffer; -1 if it lies outside of the file. Large ones lie behind the rest."""
        buffer = self._model.Buffers(index)
        if buffer.Offset() > 1:
            inside = buffer.Offset() + buffer.Size() <= self._size
            return buffer.Size() if inside else -1
        return buffer.DataLength()

    def _of_tensor(self, tensor: Any, buffers: list[int]) -> tuple[float, str]:
        """Bytes that the tensor needs besides those of the file, and what is wrong with it."""
        if tensor.ShapeLength() > MOST_AXES:
            return 0, f"has {tensor.ShapeLength():,} axes"
        shape = [tensor.Shape(axis) for axis in range(tensor.ShapeLength())]
        bits = _BITS.get(self._kinds.get(tensor.Type(), ""), 0)
        if any(size < 0 for size in shape):
            return 0, f"has the shape {shape[:8]}"
        if tensor.Buffer() >= len(buffers):
            return 0, f"is in buffer {tensor.Buffer()} of {len(buffers)}"
        stored, needed = buffers[tensor.Buffer()], math.ceil(math.prod(shape) * bits / 8)
        if stored < 0:
            return 0, "lies outside of the file"
        if stored and bits and tensor.Sparsity() is None and stored < needed:
            return 0, f"declares {needed:,} bytes and has {stored:,}"
        return (0 if stored else needed), ""

    def _of_operators(
        self, graph: Any, at: str, codes: list[tuple[str, bool]]
    ) -> Iterator[tuple[str, str]]:
        tensors = graph.TensorsLength()
        for index in range(graph.OperatorsLength()):
            operator = graph.Operators(index)
            if operator.OpcodeIndex() >= len(codes):
                yield f"{at}, operator {index}", "is of a kind that the file does not list"
                continue
            name, is_custom = codes[operator.OpcodeIndex()]
            if is_custom:
                self.custom[name] += 1
            touched = [operator.Inputs(i) for i in range(operator.InputsLength())]
            touched += [operator.Outputs(i) for i in range(operator.OutputsLength())]
            if any(not -1 <= number < tensors for number in touched):
                yield f"{at}, operator {index} {name}", f"uses tensors that are none of {tensors}"


def _text(name: bytes | None) -> str:
    return (name or b"").decode("utf-8", "replace")
