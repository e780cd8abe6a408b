"""A saved model as plain data: layers, their arguments, and how they call each other.

Both directions of the conversion read into this, and build from it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple


class TensorRef(NamedTuple):
    """Output number `output` of call number `call` of the layer `layer`; all count from 0."""

    layer: str
    call: int
    output: int


class Call(NamedTuple):
    """One call of a layer: arguments, with a `TensorRef` where a tensor of the model goes in."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]


@dataclass(eq=False)
class LayerSpec:
    """One layer.

    Attributes:
        name: unique in its model.
        kind: the class's name, such as "Conv2D", or "package>Name" of a registered class.
        config: the arguments, as they were saved.
        calls: empty in a Sequential model.
        model: what the layer is, if it is a model itself.
        saved_name: where the file has another, since Keras 3 allows no "/" in names.
    """

    name: str
    kind: str
    config: dict[str, Any]
    calls: list[Call] = field(default_factory=list)
    model: ModelSpec | None = None
    saved_name: str = ""


@dataclass(eq=False)
class ModelSpec:
    """A functional or Sequential model.

    Attributes:
        inputs, outputs: `TensorRef`s in the model's structure; None in a Sequential model, whose
            layers call each other in their order.
        input_shape: with the batch size, of a Sequential model that has no `InputLayer`.
    """

    name: str
    layers: list[LayerSpec]
    inputs: Any = None
    outputs: Any = None
    input_shape: tuple[int | None, ...] | None = None

    @property
    def is_sequential(self) -> bool:
        """Whether the layers simply follow each other."""
        return self.outputs is None


def without_slashes(spec: ModelSpec) -> None:
    """Give the layers of this model, not those of models within, names that Keras 3 allows."""
    new = {}
    taken = {layer.name for layer in spec.layers}
    for layer in spec.layers:
        layer.saved_name = layer.name
        if "/" in layer.name:
            layer.name = unused(layer.name.replace("/", "_"), taken)
            taken.add(layer.name)
        new[layer.saved_name] = layer.name

    def renamed(leaf: Any) -> Any:
        return leaf._replace(layer=new[leaf.layer]) if isinstance(leaf, TensorRef) else leaf

    spec.name = spec.name.replace("/", "_")
    spec.inputs, spec.outputs = (map_leaves(renamed, end) for end in (spec.inputs, spec.outputs))
    for layer in spec.layers:
        layer.calls = [Call(*(map_leaves(renamed, part) for part in call)) for call in layer.calls]


def unused(name: str, taken: set[str]) -> str:
    """`name`, or `name_1` and so on."""
    candidate, number = name, 0
    while candidate in taken:
        number += 1
        candidate = f"{name}_{number}"
    return candidate


def map_leaves(convert: Callable[[Any], Any], structure: Any) -> Any:
    """The structure of lists, tuples and dicts with `convert(leaf)` for each leaf; a `TensorRef`
    is a leaf."""
    if isinstance(structure, dict):
        return {name: map_leaves(convert, value) for name, value in structure.items()}
    if isinstance(structure, list | tuple) and not isinstance(structure, TensorRef):
        return type(structure)(map_leaves(convert, value) for value in structure)
    return convert(structure)


def refs_in(structure: Any) -> list[TensorRef]:
    """All `TensorRef`s in it."""
    found: list[TensorRef] = []
    map_leaves(lambda leaf: found.append(leaf) if isinstance(leaf, TensorRef) else None, structure)
    return found
