"""Whether a .tflite file can be unpacked in the time and memory that its size deserves.

FlatBuffers may overlap: a file of a few hundred bytes can hold a list of as many subgraphs, each of
as many operators, all of them the same bytes, and Python's reader would make every one.
"""

from __future__ import annotations

from typing import Any

from kerazoo.errors import DataError

MOST_ENTRIES = 5_000_000
"""Of all lists of a file."""


def check_bounds(model: Any, size: int) -> None:
    """Follow all lists of a file, and refuse one whose lists and texts are longer than it is.

    Args:
        model: the schema's own reader at the file's root, `Model.GetRootAs(content, 0)`.
        size: bytes of the file.

    Raises:
        DataError: the lists overlap, or are beyond measure.
    """
    left = _Left(size)
    for index in range(left.entries(model.OperatorCodesLength())):
        left.text(model.OperatorCodes(index).CustomCode())
    for index in range(left.entries(model.SubgraphsLength())):
        _check_graph(model.Subgraphs(index), left)
    for index in range(left.entries(model.BuffersLength())):
        left.content(model.Buffers(index).DataLength())
    for index in range(left.entries(model.MetadataLength())):
        left.text(model.Metadata(index).Name())
    for index in range(left.entries(model.SignatureDefsLength())):
        signature = model.SignatureDefs(index)
        left.text(signature.SignatureKey())
        for place in range(left.entries(signature.InputsLength())):
            left.text(signature.Inputs(place).Name())
        for place in range(left.entries(signature.OutputsLength())):
            left.text(signature.Outputs(place).Name())


def _check_graph(graph: Any, left: _Left) -> None:
    left.text(graph.Name())
    left.entries(graph.InputsLength() + graph.OutputsLength())
    for index in range(left.entries(graph.TensorsLength())):
        tensor = graph.Tensors(index)
        left.text(tensor.Name())
        left.entries(tensor.ShapeLength() + tensor.VariantTensorsLength())
        if (sparsity := tensor.Sparsity()) is not None:
            left.entries(sparsity.DimMetadataLength())
    for index in range(left.entries(graph.OperatorsLength())):
        operator = graph.Operators(index)
        left.entries(operator.InputsLength() + operator.OutputsLength())
        left.content(operator.CustomOptionsLength())


class _Left:
    """What lists may still have, and texts and contents."""

    def __init__(self, size: int) -> None:
        self._entries, self._bytes = min(size, MOST_ENTRIES), size

    def entries(self, count: int) -> int:
        """The count, if that many may be."""
        self._entries -= count
        if self._entries < 0:
            raise DataError(
                "The TFLite file is made to exhaust memory: its lists have more entries than it "
                f"has bytes, or more than {MOST_ENTRIES:,}."
            )
        return count

    def content(self, count: int) -> None:
        self._bytes -= count
        if self._bytes < 0:
            raise DataError("The TFLite file is damaged: its parts overlap, or lie outside of it.")

    def text(self, text: bytes | None) -> None:
        self.content(len(text or b""))
