"""How small a model is: zeros, values, bytes, operations, before and after compression."""

from __future__ import annotations

import gzip
import math
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from kerazoo.compress._composite_layers import is_composite
from kerazoo.compress._graph import Graph
from kerazoo.compress._node import Node
from kerazoo.compress._unquantized import is_quantized
from kerazoo.compress._weight_uses import weight_uses
from kerazoo.compress.compression_report import CompressionReport, LayerSize, TFLiteSize
from kerazoo.compress.strip import strip


def report(
    model: keras.Model, before: keras.Model | None = None, *, tflite: bool = False
) -> CompressionReport:
    """The size of `model`, layer by layer, as it is after `strip`.

    Kernels (of any layer, depthwise ones too) and tables of embeddings are looked at. FLOPs are
    two, a multiplication and an addition, for each use of a weight of a kernel for one sample:
    convolutions, dense, einsum and recurrent layers and the projections of attention. Not
    counted: biases, normalizations, activations, products of attention, lookups; zeros count as
    other weights do, since dense kernels compute them.

    Args:
        model: Sequential or functional; what `prune`, `cluster` or `quantize_aware` made, or not.
        before: the model it came from, for a comparison.
        tflite: also convert (both) as `kerazoo.export` does by default, and measure the files.

    Raises:
        ConfigError: a subclassed or unbuilt model.
        ExportError: a model that cannot be exported, with `tflite=True`.

    >>> model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(4, name="head")])
    >>> result = report(model)
    >>> result.flops, result.parameters, result.sparsity
    (64, 36, 0.0)
    """
    plain = strip(model)
    arrays = [np.asarray(variable.numpy(), np.float32) for variable in plain.weights]
    return CompressionReport(
        model=model.name,
        layers=_layer_sizes(plain),
        parameters=sum(array.size for array in arrays),
        gzip_bytes=_gzip_bytes(arrays),
        tflite=_tflite_size(model if is_quantized(model) else plain) if tflite else None,
        before=None if before is None else report(before, tflite=tflite),
    )


def _layer_sizes(model: keras.Model) -> tuple[LayerSize, ...]:
    calls: dict[int, list[Node]] = {}
    for node in Graph.from_model(model, expand=is_composite).nodes:
        calls.setdefault(id(node.operation), []).append(node)
    sizes = [(nodes, _kernels(nodes[0].operation)) for nodes in calls.values()]
    return tuple(_layer_size(nodes, kernels) for nodes, kernels in sizes if kernels)


def _layer_size(nodes: Sequence[Node], kernels: Sequence[keras.Variable]) -> LayerSize:
    arrays = [np.asarray(kernel.numpy(), np.float32) for kernel in kernels]
    count = sum(array.size for array in arrays)
    flops = [_flops(node, kernels) for node in nodes]
    return LayerSize(
        name=nodes[0].name,
        kind=type(nodes[0].operation).__name__,
        weights=count,
        sparsity=sum(int((array == 0).sum()) for array in arrays) / count,
        unique_values=max(np.unique(array).size for array in arrays),
        gzip_bytes=_gzip_bytes(arrays),
        flops=None if None in flops else sum(each or 0 for each in flops),
    )


def _kernels(operation: Any) -> list[keras.Variable]:
    variables = operation.weights if isinstance(operation, keras.Layer) else []
    return [variable for variable in variables if variable.name.endswith(("kernel", "embeddings"))]


def _flops(node: Node, kernels: Sequence[keras.Variable]) -> int | None:
    """Two for each use of each number of the kernels; a table of embeddings is looked up."""
    counts = [
        (math.prod(kernel.shape), weight_uses(node, kernel))
        for kernel in kernels
        if not kernel.name.endswith("embeddings")
    ]
    known = [2 * size * uses for size, uses in counts if uses is not None]
    return sum(known) if len(known) == len(counts) else None


def _gzip_bytes(arrays: Sequence[np.ndarray]) -> int:
    return len(gzip.compress(b"".join(array.tobytes() for array in arrays), mtime=0))


def _tflite_size(model: keras.Model) -> TFLiteSize:
    from kerazoo.exporters import export, measure_latency

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.tflite"
        exported = export(model, path, verify=False)
        latency = exported.latency_us or measure_latency(path)
        return TFLiteSize(
            size_bytes=exported.size_bytes,
            gzip_bytes=len(gzip.compress(path.read_bytes(), mtime=0)),
            latency_us=latency.median,
        )
