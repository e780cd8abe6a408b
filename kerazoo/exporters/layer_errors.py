"""How far a .tflite file is from its Keras model, layer by layer.

Each operator's output in the file is compared with the Keras layer it stands for. The layer is
found by the names that tracing leaves in the file; where the converter fused several layers into
one operator (convolution, batch normalization, activation), the operator may stand for any of
them, and the closest counts. Each error holds what came in from the layers before as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from kerazoo.exporters.file_tensors import FileTensor, read_tensors
from kerazoo.exporters.graph_names import LayerPath, display, layers_in
from kerazoo.exporters.interface import Interface
from kerazoo.exporters.layer_outputs import LayerOutput, record


@dataclass(frozen=True)
class LayerError:
    """One Keras layer and the operator that computes it in the file.

    Attributes:
        layer: with the models and layers that it is in: "block/conv".
        operator: TFLite's name of it: "CONV_2D".
        relative_error: root mean square of (file - Keras), divided by the standard deviation of the
            Keras values; 0 is exact, 1 is as far off as a constant would be.
        max_abs_error: largest |file - Keras|, in the unit of the layer's output.
    """

    layer: str
    operator: str
    relative_error: float
    max_abs_error: float


@dataclass(frozen=True)
class LayerErrors:
    """Errors in the order of the calls, and the layers that have no tensor of their own. A report's
    `per_layer` gives them; iterating gives a `LayerError` for each layer."""

    layers: tuple[LayerError, ...]
    unmatched: tuple[str, ...]
    """Layers fused into a later one, or without an operator (dropout, say)."""

    def __iter__(self) -> Iterator[LayerError]:
        return iter(self.layers)

    def __len__(self) -> int:
        return len(self.layers)

    def first_growth(self, limit: float) -> LayerError | None:
        """The first layer above `limit` and at least twice as far off as any before it.

        Where no layer is both, the one where it grows by most; None when no layer could be
        compared.
        """
        worst, growth = 0.0, []
        for entry in self.layers:
            if entry.relative_error > limit and entry.relative_error >= 2 * worst:
                return entry
            growth.append(entry.relative_error - worst)
            worst = max(worst, entry.relative_error)
        return self.layers[int(np.argmax(growth))] if growth else None


def compare_layers(
    model: Any, interface: Interface, content: bytes, samples: Mapping[str, np.ndarray]
) -> LayerErrors:
    """Errors of the layers of `model` in the file `content`, over some samples.

    Args:
        model: the Keras model, computing in float32.
        interface: its inputs and outputs.
        content: the .tflite file made from it.
        samples: input name -> `(samples, ...)`; a handful is enough.
    """
    outputs = record(model, interface, samples)
    tensors = read_tensors(content, samples)
    paths = list(dict.fromkeys(output.path for output in outputs))
    named = [_named_outputs(tensor, outputs, paths) for tensor in tensors]
    claimed = {max(indices) for indices in named if indices}
    found: dict[int, LayerError] = {}
    for tensor, indices in zip(tensors, named, strict=True):
        candidates = sorted(indices | _fused_after(indices, claimed, len(outputs)))
        errors = {
            i: _error(tensor, outputs[i]) for i in candidates if _same_shape(tensor, outputs[i])
        }
        if errors:
            chosen = _choose(errors, max(indices))
            found[chosen] = errors[chosen]  # the last operator of a layer is its output
    matched = {outputs[index].path for index in found}
    return LayerErrors(
        tuple(found[index] for index in sorted(found)),
        tuple(display(path) for path in paths if path not in matched),
    )


def _named_outputs(
    tensor: FileTensor, outputs: list[LayerOutput], paths: list[LayerPath]
) -> set[int]:
    """Indices of the layer outputs that the tensor's name, or its place as an output, tells."""
    if tensor.output is not None:
        exact = {i for i, output in enumerate(outputs) if tensor.output in output.outputs}
        if exact:
            return exact
    mentioned = set(layers_in(tensor.name, paths))
    return {i for i, output in enumerate(outputs) if output.path in mentioned}


def _fused_after(indices: set[int], claimed: set[int], count: int) -> set[int]:
    """Layers after the named ones that no other tensor names: fused without leaving a name."""
    if not indices:
        return set()
    after, index = set(), max(indices) + 1
    while index < count and index not in claimed:
        after.add(index)
        index += 1
    return after


def _choose(errors: dict[int, LayerError], named: int) -> int:
    """The last layer that the tensor's name mentions, unless another fits far better.

    A convolution that swallowed its batch normalization fits the latter a hundred times better.
    Where the file is wrong, nothing fits, and which is closest would be chance.
    """
    best = min(errors, key=lambda index: errors[index].relative_error)
    if named in errors and errors[best].relative_error > 0.25 * errors[named].relative_error:
        return named
    return best


def _same_shape(tensor: FileTensor, output: LayerOutput) -> bool:
    """Sizes of one aside: the converter computes 1-D convolutions as 2-D ones."""
    return [n for n in tensor.value.shape if n > 1] == [n for n in output.value.shape if n > 1]


def _error(tensor: FileTensor, output: LayerOutput) -> LayerError:
    expected = output.value.astype(np.float64)
    difference = tensor.value.astype(np.float64).reshape(expected.shape) - expected
    rms = float(np.sqrt(np.mean(difference**2)))
    scale = float(expected.std()) or float(np.abs(expected).max()) or 1.0
    return LayerError(
        display(output.path), tensor.operator, rms / scale, float(np.abs(difference).max())
    )
