"""Where the ranges of activations stand, and which tensors share one.

A range stands behind every result of an integer operator and behind every tensor that one reads. It
does not stand between operators that TFLite fuses (convolution, normalization, ReLU), nor behind
those that only move values: there one range serves both sides, and all that a Concatenate joins.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import keras

from kerazoo.compress._choices import OWN_ACTIVATION, Choice, Choices, choose, sole_consumer
from kerazoo.compress._graph import Graph
from kerazoo.compress._lowering import Kind
from kerazoo.compress._node import Node, Value
from kerazoo.compress._quantized_layer import unconstrained
from kerazoo.compress.scheme import QuantizationScheme, SchemeByLayer

FixedRange = tuple[float, float]


@dataclass(eq=False)
class RangeGroup:
    """One range. `members`: how many tensors share it; `name`: after the first of them."""

    name: str
    scheme: QuantizationScheme
    fixed_range: FixedRange | None
    members: int = 0


@dataclass(frozen=True)
class Place:
    """A tensor's range: its group and its number in it."""

    group: RangeGroup
    member: int


@dataclass
class Plan:
    """What `quantize_aware` builds.

    Attributes:
        choices: by id of the node.
        behind: by id of a value, the range that stands behind what gives it.
        ranged: ids of all values that have a range.
    """

    choices: Choices
    behind: dict[int, Place] = field(default_factory=dict)
    ranged: set[int] = field(default_factory=set)

    @property
    def in_float(self) -> dict[str, str]:
        """Name -> reason of the layers that stay in float though the scheme wants integers."""
        reasons = {}
        for choice in self.choices.values():
            if choice.is_float and choice.lowering.reason:
                name = choice.node.name.removesuffix(OWN_ACTIVATION)
                words = "" if name == choice.node.name else "its activation: "
                reasons[name] = f"{words}{choice.lowering.reason}"
        return reasons


def make_plan(graph: Graph, model: Any, schemes: SchemeByLayer) -> Plan:
    """The plan for `graph`, the graph of `model`, which it completes by own activations' nodes."""
    return _Planner(graph, choose(graph, model, schemes)).plan()


class _Planner:
    def __init__(self, graph: Graph, choices: Choices):
        self.graph, self.choices = graph, choices
        self.fused = {id(value) for value in self._fused()}
        self.ranged = self._ranged() - self.fused
        self.fixed = self._fixed()
        self.roots: dict[int, int] = {}
        self.groups: dict[int, RangeGroup] = {}

    def plan(self) -> Plan:
        plan = Plan(self.choices, ranged=self.ranged)
        for choice in self.choices.values():
            if choice.keeps_range:
                self._join(self._sharing(choice))
        for node in self.graph.nodes:
            for value in node.outputs:
                if id(value) in self.ranged and self._is_rounded(node):
                    plan.behind[id(self._last_selection(value))] = self._place(value)
        return plan

    def _fused(self) -> Iterator[Value]:
        """Tensors that no file has: between a convolution, its normalization and its ReLU."""
        for choice in self.choices.values():
            if choice.normalization is not None:
                yield choice.node.output
            elif choice.is_quantized and choice.lowering.fuses_relu:
                yield from self._up_to_relu(choice.node.output)

    def _up_to_relu(self, value: Value) -> list[Value]:
        """The tensors from `value` to a ReLU that it is fused with; a maximum may stand between."""
        passed = [value]
        consumer = sole_consumer(value)
        while consumer is not None and self.choices[id(consumer)].lowering.selects:
            passed.append(consumer.output)
            consumer = sole_consumer(consumer.output)
        behind = self.choices[id(consumer)] if consumer is not None else None
        is_fused = behind is not None and behind.is_quantized and behind.lowering.is_relu
        return passed if is_fused else []

    def _ranged(self) -> set[int]:
        """Tensors with a range: what integer operators read and write, and all that share it."""
        ranged: set[int] = set()
        for choice in self.choices.values():
            if choice.is_quantized:
                ranged.update(map(id, _floats(choice.node)))
        keeping = [_floats(c.node) for c in self.choices.values() if c.keeps_range]
        grown = -1
        while grown != len(ranged):
            grown = len(ranged)
            for values in keeping:
                if any(id(value) in ranged for value in values):
                    ranged.update(map(id, values))
        return ranged

    def _fixed(self) -> dict[int, FixedRange]:
        """The fixed ranges, where nothing joins such a tensor with others of another range.

        Where a Concatenate does, the range is the group's: the converter then rounds what the
        kernel gave once more, and refuses two ranges one behind the other.
        """
        fixed: dict[int, FixedRange | None] = {}
        keeping = []
        for node in self.graph.nodes:
            choice = self.choices.get(id(node))
            if choice is not None and choice.keeps_range:
                keeping.append(_floats(node))
                found = _common([fixed.get(id(value)) for value in node.inputs])
            else:
                is_fixed = choice is not None and choice.is_quantized
                found = choice.lowering.fixed_range if choice and is_fixed else None
            fixed.update(dict.fromkeys(map(id, node.outputs), found))
        lost = [values for values in keeping if not _agree(values, fixed)]
        while lost:
            for values in lost:
                fixed.update(dict.fromkeys(map(id, values)))
            lost = [values for values in keeping if not _agree(values, fixed)]
        return {key: found for key, found in fixed.items() if found is not None}

    def _sharing(self, choice: Choice) -> list[Value]:
        """The tensors around a range-keeping call that share one observed range."""
        values = [v for v in _floats(choice.node) if id(v) in self.ranged]
        return [value for value in values if id(value) not in self.fixed]

    def _is_rounded(self, node: Node) -> bool:
        """Whether what the node gives is not yet on the steps of its range."""
        return not self._is_moved(node) or self._joins_moved(node)

    def _is_moved(self, node: Node) -> bool:
        choice = self.choices.get(id(node))
        return choice is not None and choice.lowering.kind is Kind.PASS_THROUGH

    def _joins_moved(self, node: Node) -> bool:
        """Whether it is a Concatenate of moved values that an average pooling reads, too.

        Its values are on the steps, but there the converter leaves what else reads them in float.
        """
        values = [value for value in node.inputs if "float" in value.dtype]
        if len(values) < 2 or not any(self._is_moved(value.node) for value in values):
            return False
        return self._is_averaged(node.output)

    def _is_averaged(self, value: Value) -> bool:
        """Whether an average pooling reads the values, moved or not."""
        kinds = [(reader, self.choices[id(reader)].lowering.kind) for reader in value.consumers]
        return any(
            kind is Kind.SAME_SCALE
            or (kind is Kind.PASS_THROUGH and any(map(self._is_averaged, reader.outputs)))
            for reader, kind in kinds
        )

    def _last_selection(self, value: Value) -> Value:
        """Behind a maximum there are fewer values, and rounding them gives the same."""
        consumer = sole_consumer(value)
        while consumer is not None and self.choices[id(consumer)].lowering.selects:
            value = consumer.output
            consumer = sole_consumer(value)
        return value

    def _join(self, values: list[Value]) -> None:
        for value in values[1:]:
            self.roots[self._root(id(value))] = self._root(id(values[0]))

    def _root(self, key: int) -> int:
        while key in self.roots and self.roots[key] != key:
            key = self.roots[key]
        return key

    def _place(self, value: Value) -> Place:
        """A new member of the group that `value` is in."""
        fixed = self.fixed.get(id(value))
        key = id(value) if fixed else self._root(id(value))
        if key not in self.groups:
            self.groups[key] = RangeGroup(_name(value), self._scheme(value), fixed)
        group = self.groups[key]
        group.members += 1
        return Place(group, group.members - 1)

    def _scheme(self, value: Value) -> QuantizationScheme:
        """Of the call that gives the value, or else of one that takes it."""
        reached, waiting = {id(value)}, [value]
        while waiting:
            here = waiting.pop(0)
            choices = [self.choices.get(id(node)) for node in (here.node, *here.consumers)]
            for choice in filter(None, choices):
                if choice.is_quantized and choice.scheme is not None:
                    return choice.scheme
                near = _floats(choice.node) if choice.keeps_range else []
                waiting += [v for v in near if id(v) not in reached]
                reached.update(map(id, near))
        raise AssertionError(f"no integer call around {value!r}")  # then it would have no range


def _floats(node: Node) -> list[Value]:
    """Inputs and outputs that are real numbers; an Embedding reads indices, of whatever dtype."""
    is_embedding = isinstance(unconstrained(node.operation), keras.layers.Embedding)
    values = node.outputs if is_embedding else (*node.inputs, *node.outputs)
    return [value for value in values if "float" in value.dtype]


def _common(ranges: list[FixedRange | None]) -> FixedRange | None:
    """The range that all of them are; None if they are not all the same."""
    return ranges[0] if len(set(ranges)) == 1 else None


def _agree(values: list[Value], fixed: dict[int, FixedRange | None]) -> bool:
    return len({fixed[id(value)] for value in values}) <= 1


def _name(value: Value) -> str:
    """After what gives the value: "conv_range", or "conv_linear_range" before its activation."""
    node = value.node
    name = node.name.removesuffix(OWN_ACTIVATION)
    if any(consumer.name == f"{name}{OWN_ACTIVATION}" for consumer in value.consumers):
        name = f"{name}_linear"
    call = f"_{node.call_index}" if node.call_index else ""
    number = f"_{value.index}" if len(node.outputs) > 1 else ""
    return f"{name}{call}{number}_range"
