"""How far each operator of a quantization-aware model's .tflite file is from the model.

Every operator is fed the file's own inputs: the Keras model's graph is computed with the tensors
that could be found in the file replaced by the file's values, so an operator's difference is its
own, and not what came in from those before it. Deep networks turn single roundings into large
differences at the end (`kerazoo.export` compares there as well); operator by operator a sound file
is within one step nearly everywhere.

Differences are counted in steps of the file: |integer in the file - integer of the Keras value|.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from kerazoo.exporters.file_tensors import FileTensor, read_inputs, read_tensors
from kerazoo.exporters.frozen_graph import FrozenGraph
from kerazoo.exporters.graph_names import LayerPath, display, layer_paths, layers_in
from kerazoo.exporters.interface import Interface
from kerazoo.exporters.layer_errors import LayerError, LayerErrors
from kerazoo.exporters.quantization import quantize
from kerazoo.exporters.tensor_matching import FAKE_QUANTIZATION, Match, match

STEPS_ALLOWED = 3
SHARE_WITHIN_ONE = 0.995
"""A sound operator: at least this share of values within one step, and none beyond three."""

COVERAGE_NEEDED = 0.95

PASSING = frozenset(
    {FAKE_QUANTIZATION, "Reshape", "Transpose", "ExpandDims", "Squeeze", "Identity", "IdentityN"}
)
"""Operations that rather belong to what is before or after them."""


@dataclass(frozen=True)
class OperatorSteps(LayerError):
    """One operator, the layer that it computes, and how far it is off on its own.

    Attributes:
        max_steps: the largest difference in steps; a float tensor has none, and 1/255 of its range
            stands in.
        share_within_one: fraction of the values within one step, 0 to 1.
        values: how many were compared.

    The others are those of every `LayerError`, in real numbers.
    """

    max_steps: float
    share_within_one: float
    values: int

    @property
    def is_sound(self) -> bool:
        """Within one step on 99.5 % of the values, and never beyond three."""
        return self.max_steps <= STEPS_ALLOWED and self.share_within_one >= SHARE_WITHIN_ONE


@dataclass(frozen=True)
class Uncompared:
    """An operator whose tensor could not be found in the Keras model.

    Attributes:
        name: of its output tensor in the file.
        operator: TFLite's name of it: "CONV_2D".
        reason: why nothing was compared, in words.
    """

    name: str
    operator: str
    reason: str


@dataclass(frozen=True)
class OperatorComparison(LayerErrors):
    """All operators between the file's ends, in the order in which they run.

    Attributes:
        layers: an `OperatorSteps` each; iterating gives them.
        uncompared: those of which nothing is known.

    Printing shows the totals and the worst.
    """

    layers: tuple[OperatorSteps, ...]
    uncompared: tuple[Uncompared, ...] = ()

    def __iter__(self) -> Iterator[OperatorSteps]:
        return iter(self.layers)

    @property
    def coverage(self) -> float:
        """Fraction of the operators that could be compared."""
        total = len(self.layers) + len(self.uncompared)
        return len(self.layers) / total if total else 0.0

    @property
    def max_steps(self) -> float:
        """The largest difference of all."""
        return max((entry.max_steps for entry in self.layers), default=0.0)

    @property
    def share_within_one(self) -> float:
        """Fraction of all values within one step."""
        values = sum(entry.values for entry in self.layers)
        within = sum(entry.values * entry.share_within_one for entry in self.layers)
        return within / values if values else 1.0

    @property
    def unsound(self) -> tuple[OperatorSteps, ...]:
        """The operators that are too far off, in the order in which they run."""
        return tuple(entry for entry in self.layers if not entry.is_sound)

    @property
    def is_sound(self) -> bool:
        """Whether 95 % of the operators or more could be compared, and none is too far off."""
        return not self.unsound and self.coverage >= COVERAGE_NEEDED

    def first_growth(self, limit: float | None = None) -> OperatorSteps | None:
        """The first operator that is too far off on its own: where the file's error comes from.

        `limit`: if given, it must also have a relative error above this. Where no operator is too
        far off, the one that is furthest; None when none could be compared.
        """
        for entry in self.unsound:
            if limit is None or entry.relative_error > limit:
                return entry
        return max(self.layers, key=lambda entry: entry.max_steps, default=None)

    def __str__(self) -> str:
        worst = sorted(self.layers, key=lambda e: (e.share_within_one, -e.max_steps))[:5]
        lines = [
            f"{len(self.layers)} operators compared, {len(self.uncompared)} not "
            f"({self.coverage:.1%}); {self.share_within_one:.3%} of the values within one step, "
            f"at most {self.max_steps:g} steps, {len(self.unsound)} operators beyond the limits",
            *(
                f"  {e.layer} ({e.operator}): at most {e.max_steps:g} steps, "
                f"{e.share_within_one:.3%} within one"
                for e in worst
            ),
            *(f"  {u.name} ({u.operator}): {u.reason}" for u in self.uncompared),
        ]
        return "\n".join(lines)


def is_quantization_aware(model: Any) -> bool:
    """Whether the model rounds its activations itself, so that its file has steps to compare."""
    return any(layer.bits is not None for layer in _fake_quantizations(model))


def compare_operators(
    model: Any, interface: Interface, content: bytes, samples: Mapping[str, np.ndarray]
) -> OperatorComparison:
    """Every operator of `content` against the fake-quantized `model`, fed the file's own inputs.

    The kernels are those that `load_tflite` runs (XNNPACK where it has the operator).

    Args:
        model: the quantization-aware model, as it was converted.
        interface: its inputs and outputs.
        content: the .tflite file made from it.
        samples: input name -> `(samples, ...)`; two to eight are enough.
    """
    graph = FrozenGraph(model, interface, len(next(iter(samples.values()))))
    inputs = {graph.inputs[name]: samples[name] for name in graph.inputs}
    tensors = [
        *read_inputs(content, samples).values(),
        *(t for t in read_tensors(content, samples) if t.scale or not t.is_end),
    ]
    matches = match(graph, tensors, lambda names: graph.run(inputs, names))
    replaced = {
        one.operation: tensor.value.reshape(graph.shape(one.operation))
        for tensor, one in zip(tensors, matches, strict=True)
        if one.operation is not None
    }
    alike = {twin: value for name, value in replaced.items() for twin in graph.twins(name)}
    own = graph.run({**inputs, **alike, **replaced}, replaced)
    values = {tensor.index: tensor.value for tensor in tensors}
    paths = layer_paths(model)
    compared, uncompared = [], []
    for tensor, one in zip(tensors, matches, strict=True):
        if tensor.is_end:
            continue
        layer = _layer(graph, paths, one) or tensor.name
        if one.operation is not None:
            compared.append(_steps(layer, tensor, own[one.operation]))
        elif tensor.operator == "QUANTIZE":  # of the converter's making: to other steps
            compared.append(_steps(layer, tensor, values[tensor.source]))
        else:
            uncompared.append(Uncompared(tensor.name, tensor.operator, _reason(one)))
    return OperatorComparison(tuple(compared), _silent(model, paths, compared), tuple(uncompared))


def _silent(model: Any, paths: list[LayerPath], compared: list[OperatorSteps]) -> tuple[str, ...]:
    """Layers that no operator is named after, fake-quantizations aside."""
    rounding = {layer.name for layer in _fake_quantizations(model)}
    named = {entry.layer for entry in compared}
    return tuple(
        name for path in paths if (name := display(path)) not in named and path[-1] not in rounding
    )


def _fake_quantizations(model: Any) -> list[Any]:
    from kerazoo.compress.fake_quantize import FakeQuantize

    # Keras has no public walk that reaches the sublayers of composite layers.
    return [layer for layer in model._flatten_layers() if isinstance(layer, FakeQuantize)]


def _steps(layer: str, tensor: FileTensor, own: np.ndarray) -> OperatorSteps:
    expected = own.astype(np.float64)
    actual = tensor.value.astype(np.float64).reshape(expected.shape)
    difference = np.abs(actual - expected)
    if tensor.scale:
        dtype = tensor.stored.dtype.name
        integers = quantize(own, tensor.scale, tensor.zero_point, dtype).astype(np.int64)
        steps = np.abs(tensor.stored.astype(np.int64).reshape(own.shape) - integers)
    else:
        steps = difference / (float(np.ptp(expected)) / 255 or 1.0)
    spread = float(expected.std()) or float(np.abs(expected).max()) or 1.0
    return OperatorSteps(
        layer,
        tensor.operator,
        float(np.sqrt(np.mean(difference**2))) / spread,
        float(difference.max()),
        float(steps.max()),
        float(np.mean(steps <= 1)),
        steps.size,
    )


def _layer(graph: FrozenGraph, paths: list[LayerPath], one: Match) -> str | None:
    """The layer of the last of the fused operations; those that only pass values on count least."""
    names = list(one.named) or ([one.operation] if one.operation else [])
    order = sorted(names, key=lambda name: (graph.kind(name) in PASSING, -graph.order[name]))
    order.sort(key=lambda name: graph.kind(name) == FAKE_QUANTIZATION)
    for name in order:
        found = layers_in(name, paths)
        if found:
            return display(found[-1])
    return names[-1] if names else None


def _reason(one: Match) -> str:
    if one.named:
        return f"nothing of its shape and scale follows {one.named[-1]!r}"
    return "its name mentions no layer, and no fake-quantization has its scale and shape"
