"""Biases of 64 bits for operators with activations of 16 bits.

The converter of TensorFlow 2.21 gives fake-quantized models of 16 bits biases of 32 bits, as for 8
bits; the kernels read 64 (https://ai.google.dev/edge/litert/models/quantization_spec, "int16x8")
and then compute with what lies behind in memory.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from kerazoo.exporters.flatbuffer import pack, unpack
from kerazoo.exporters.operators import operator_name

BIAS_INPUT = {"CONV_2D": 2, "DEPTHWISE_CONV_2D": 2, "FULLY_CONNECTED": 2, "TRANSPOSE_CONV": 3}


def with_wide_biases(content: bytes) -> bytes:
    """The file with every 32-bit bias of a 16-bit operator as one of 64 bits."""
    from ai_edge_litert import schema_py_generated as schema

    model = unpack(content)
    for graph in model.subgraphs:
        for operator in graph.operators or []:
            place = BIAS_INPUT.get(operator_name(model, operator), len(operator.inputs))
            if place >= len(operator.inputs) or operator.inputs[place] < 0:
                continue
            bias = graph.tensors[operator.inputs[place]]
            output = graph.tensors[operator.outputs[0]]
            is_narrow = bias.type == schema.TensorType.INT32
            if is_narrow and output.type == schema.TensorType.INT16:
                _widen(model, bias, schema.TensorType.INT64)
    return pack(model)


def _widen(model: Any, bias: Any, wide: int) -> None:
    buffer = model.buffers[bias.buffer]
    values = np.frombuffer(bytes(buffer.data), "<i4").astype("<i8")
    new = type(buffer)()
    new.data = np.frombuffer(values.tobytes(), np.uint8)
    bias.buffer, bias.type = len(model.buffers), wide
    model.buffers.append(new)
