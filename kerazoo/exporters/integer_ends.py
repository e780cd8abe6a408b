"""What "int8_io" promises: a file that takes and gives integers."""

from __future__ import annotations

from kerazoo.errors import ExportError
from kerazoo.exporters.flatbuffer import unpack


def check_integer_ends(content: bytes) -> None:
    """Raise `ExportError` where an input or output of the file is float.

    The converter only logs that it left one so, since no QUANTIZE or DEQUANTIZE stands there.
    """
    from ai_edge_litert import schema_py_generated as schema

    model = unpack(content)
    tensors, signature = model.subgraphs[0].tensors, model.signatureDefs[0]
    floats = [
        end.name.decode()
        for end in [*signature.inputs, *signature.outputs]
        if tensors[end.tensorIndex].type == schema.TensorType.FLOAT32
    ]
    if floats:
        raise ExportError(
            f"quantize='int8_io' is for files of integers, and {', '.join(map(repr, floats))} "
            "would be float32: the layer there has no 8-bit form or was left in float. Use "
            "quantize='int8', whose ends are float32, or quantize that layer as well."
        )
