"""How each kind of layer becomes integer: the registry that the planner reads.

A rule is a function of a layer (or Keras operation) that returns its `Lowering`. New layers need an
entry only:

    @lowers(keras.layers.LayerNormalization)
    def _(layer):
        return Lowering(Kind.QUANTIZED, make=QuantizedLayerNormalization)

Where the lowering depends on what the layer is called with, the rule takes the calls as well:

    @lowers_by_calls(keras.layers.Average)
    def _(layer, calls):
        return Lowering(Kind.QUANTIZED, make=partial(QuantizedAverage, members=...))

Never by `layer.input`: that is what the layer was called with first, in whatever model.

Files with rules are listed in `_RULES`, so that asking for a lowering loads them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from importlib import import_module
from typing import Any

import keras

from kerazoo.compress._node import Node
from kerazoo.compress._quantized_layer import unconstrained

_RULES = ("_basic_rules", "_composed_rules", "_operation_rules")


class Kind(Enum):
    """What happens to the range of a tensor at an operation."""

    QUANTIZED = "inputs and output have ranges of their own"
    PASS_THROUGH = "values are moved, never computed: the output has its inputs' range"
    SAME_SCALE = "computed in the input's steps: fake-quantized behind, with the input's range"
    FLOAT = "left in float"


@dataclass(frozen=True)
class Lowering:
    """What the planner needs to know of one layer.

    `make(layer, scheme)`: the layer to put in its place (a QuantizedLayer); None takes a copy of
    the layer itself. `fixed_range`: of the output, where the integer kernel demands one.
    `activation`: the function that the layer applies at its end and that `make` leaves out; it
    becomes an `Activation` of its own behind the layer. `is_relu`: ReLU or ReLU6. `fuses_relu`:
    whether one behind becomes part of the operator, so that no range stands between the two.
    `folds_normalization`: whether a BatchNormalization behind can be folded in; `make` then takes
    it as `normalization`. `selects`: the output is a choice of the input's values (maximum), so
    that rounding may come behind it, where there are fewer. `has_weights`: whether there is
    something left to quantize when activations stay in float. `reason`: of FLOAT, for the user.
    """

    kind: Kind
    make: Callable[..., keras.Layer] | None = None
    fixed_range: tuple[float, float] | None = None
    activation: Any = None
    is_relu: bool = False
    fuses_relu: bool = False
    folds_normalization: bool = False
    selects: bool = False
    has_weights: bool = False
    reason: str = ""


Rule = Callable[[Any], Lowering]
RuleOfCalls = Callable[[Any, Sequence[Node]], Lowering]
_by_class: dict[type, Rule] = {}
_by_name: dict[str, Rule] = {}
_by_calls: dict[type, RuleOfCalls] = {}


def lowers(*classes: type) -> Callable[[Rule], Rule]:
    """Register the decorated function as the rule of these layer classes (not of subclasses)."""

    def register(rule: Rule) -> Rule:
        _by_class.update(dict.fromkeys(classes, rule))
        return rule

    return register


def lowers_by_calls(*classes: type) -> Callable[[RuleOfCalls], RuleOfCalls]:
    """As `lowers`, for a rule that is also given the layer's calls in the graph, one or more."""

    def register(rule: RuleOfCalls) -> RuleOfCalls:
        _by_calls.update(dict.fromkeys(classes, rule))
        return rule

    return register


def lowers_operations(*names: str) -> Callable[[Rule], Rule]:
    """As `lowers`, for Keras operations (`keras.ops.add` is of the class "Add")."""

    def register(rule: Rule) -> Rule:
        _by_name.update(dict.fromkeys(names, rule))
        return rule

    return register


def lowering_of(operation: Any, calls: Sequence[Node] = ()) -> Lowering:
    """The lowering of a layer or Keras operation; FLOAT with a reason where there is no rule.

    `calls`: of the operation, in the graph. Without them FLOAT stands for all that depends on them,
    none of which only moves values.
    """
    for name in _RULES:
        import_module(f"kerazoo.compress.{name}")
    operation = unconstrained(operation)
    cls = type(operation)
    if calls and cls in _by_calls:
        return _by_calls[cls](operation, calls)
    is_layer = isinstance(operation, keras.Layer)
    rule = _by_class.get(cls) if is_layer else _by_name.get(cls.__name__)
    if rule is None:
        return Lowering(Kind.FLOAT, reason=f"no integer form of {cls.__name__} is known")
    return rule(operation)
