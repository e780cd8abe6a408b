"""Which tensor of the Keras model's graph each tensor of a quantized .tflite file is.

The converter joins the names of the operations that it fused into an operator, so the last of
them, followed on to a fake-quantization of exactly the file's scale, is what the operator gives.
Where no fake-quantization follows (pooling, padding, reshaping), it is the operation itself. Files
whose names say nothing leave the scale, the shape and, as the last resort, the closest values.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from kerazoo.exporters.file_tensors import FileTensor
from kerazoo.exporters.frozen_graph import FrozenGraph

FAKE_QUANTIZATION = "FakeQuantWithMinMaxVars"


@dataclass(frozen=True)
class Match:
    """`operation`: the graph's, None where there is none. `named`: those that the name mentions."""

    operation: str | None
    named: tuple[str, ...]


def match(
    graph: FrozenGraph,
    tensors: list[FileTensor],
    free_running: Callable[[list[str]], Mapping[str, np.ndarray]],
) -> list[Match]:
    """One match per file tensor.

    `free_running` gives the values of operations when nothing is replaced but the inputs.
    """
    ranges = _ranges(graph)
    names = _Names(graph)
    named = [names.find(tensor) for tensor in tensors]
    found = [
        _by_name(graph, ranges, tensor, mentioned)
        for tensor, mentioned in zip(tensors, named, strict=True)
    ]
    _one_each(graph, found, named, tensors)
    for index, operation in _closest(graph, ranges, found, tensors, free_running):
        found[index] = operation
    return [Match(*pair) for pair in zip(found, map(tuple, named), strict=True)]


@dataclass(frozen=True)
class _Range:
    """Scale and zero point, of int8 or of int16, that a fake-quantization stands for."""

    scale: float
    zero_point: int
    bits: int

    def fits(self, tensor: FileTensor) -> bool:
        # The converter computes in double precision, and its zero point may round the other way.
        return (
            tensor.stored.dtype.itemsize * 8 == self.bits
            and abs(tensor.scale - self.scale) <= 1e-4 * self.scale
            and abs(tensor.zero_point - self.zero_point) <= 1
        )


def _ranges(graph: FrozenGraph) -> dict[str, _Range]:
    """Fake-quantization of an activation -> its range."""
    names = [name for name in graph.order if graph.kind(name) == FAKE_QUANTIZATION]
    ends = {name: graph.makers(name)[1:] for name in names}
    values = graph.run({}, [end for pair in ends.values() for end in pair]) if names else {}
    found = {}
    for name, (low, high) in ends.items():
        bits = graph.attribute(name, "num_bits")
        narrow = graph.attribute(name, "narrow_range")
        scale = float(values[high] - values[low]) / (2**bits - 1 - narrow)
        if scale > 0:
            steps = int(np.rint(-float(values[low]) / scale)) + narrow
            found[name] = _Range(scale, steps - 2 ** (bits - 1), bits)
    return found


class _Names:
    """From the name of a file's tensor to operations of the graph."""

    def __init__(self, graph: FrozenGraph) -> None:
        self._graph = graph
        self._plain: dict[str, list[str]] = {}
        for name in graph.order:
            self._plain.setdefault(_plain(name), []).append(name)

    def find(self, tensor: FileTensor) -> list[str]:
        """All operations that are mentioned, in topological order."""
        order, found = self._graph.order, set()
        if tensor.output in self._graph.outputs:
            found.add(self._graph.outputs[tensor.output])
        for part in tensor.name.split(";"):
            part = re.sub(r"^(StatefulPartitionedCall(_\d+)?/)+", "", part)
            exact = self._exact(part)
            fitting = [name for name in exact if _same(self._graph, name, tensor)]
            found.update((fitting or exact)[:1] or self._plain.get(_plain(part), ()))
        outputs = {one for name in found for one in self._graph.siblings(name) if one in order}
        return sorted(outputs | found, key=order.__getitem__)

    def _exact(self, part: str) -> list[str]:
        """The converter counts up by digits at the end: "slice12" is that, or "slice1" or "slice".

        The longest that there is comes first.
        """
        digits = len(part) - len(part.rstrip("0123456789"))
        spellings = [part[: len(part) - cut] for cut in range(digits + 1)]
        return [name for name in spellings if name in self._graph.order]


def _plain(name: str) -> str:
    """The name without the numbers that tell repeated scopes apart."""
    return "/".join(re.sub(r"_?\d+$", "", scope) for scope in name.split("/"))


def _by_name(
    graph: FrozenGraph, ranges: Mapping[str, _Range], tensor: FileTensor, named: list[str]
) -> str | None:
    for name in reversed(named):
        for operation in _onward(graph, name):
            quantized = operation in ranges and ranges[operation].fits(tensor)
            if quantized and _same(graph, operation, tensor):
                return operation
        # A QUANTIZE that no fake-quantization asked for gives the same in other steps.
        if tensor.operator != "QUANTIZE" and _same(graph, name, tensor):
            return name
    return None


def _onward(graph: FrozenGraph, name: str) -> Iterator[str]:
    """The operation and those after it, nearest first, up to the next fake-quantizations."""
    waiting, seen = [name], {name}
    while waiting:
        current = waiting.pop(0)
        yield current
        if current == name or graph.kind(current) != FAKE_QUANTIZATION:
            after = [taker for taker in graph.takers[current] if taker not in seen]
            seen.update(after)
            waiting.extend(after)


def _one_each(
    graph: FrozenGraph,
    found: list[str | None],
    named: list[list[str]],
    tensors: list[FileTensor],
) -> None:
    """Of several tensors matched to one operation, only the last is it; the others come before."""
    used: set[str | None] = set()
    for index in reversed(range(len(found))):
        if found[index] is not None and found[index] in used:
            others = [
                name
                for name in reversed(named[index])
                if name != found[index] and _same(graph, name, tensors[index])
            ]
            free = (name for name in others if name not in found and name not in used)
            found[index] = next(free, others[0] if others else found[index])
        used.add(found[index])


def _closest(
    graph: FrozenGraph,
    ranges: Mapping[str, _Range],
    found: list[str | None],
    tensors: list[FileTensor],
    free_running: Callable[[list[str]], Mapping[str, np.ndarray]],
) -> Iterator[tuple[int, str]]:
    """Fake-quantizations for the tensors that have none yet, the closest pairs first."""
    pairs = [
        (index, name)
        for index, tensor in enumerate(tensors)
        if found[index] is None
        for name, quantization in ranges.items()
        if name not in found and quantization.fits(tensor) and _same(graph, name, tensor)
    ]
    values = free_running([name for _, name in pairs]) if pairs else {}
    distance = {
        pair: float(np.mean(np.abs(values[pair[1]].ravel() - tensors[pair[0]].value.ravel())))
        for pair in pairs
    }
    while pairs:
        chosen = min(pairs, key=distance.__getitem__)
        yield chosen
        pairs = [pair for pair in pairs if pair[0] != chosen[0] and pair[1] != chosen[1]]


def _same(graph: FrozenGraph, name: str, tensor: FileTensor) -> bool:
    """Of one shape, as far as the converter keeps shapes.

    It computes 1-D convolutions as 2-D ones, with sizes of one, dense layers of sequences as
    products of matrices, with all dimensions but the last in one, and adds a bias before the heads
    of attention are told apart: neighbouring dimensions may be joined, in one shape or the other.
    """
    shape = graph.shape(name)
    if shape is None:
        return False
    own, others = _boundaries(shape), _boundaries(tensor.stored.shape)
    return max(own) == max(others) and (own <= others or others <= own)


def _boundaries(shape: tuple[int, ...]) -> set[int]:
    """Where the dimensions of the flat values begin and end: (8, 6, 2) -> {1, 8, 48, 96}."""
    return {1, *np.cumprod(shape).tolist()}
