"""What the constraints of a composite layer are, seen from the layers inside of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kerazoo.compress._weights_of import compressible_weights
from kerazoo.compress.constrained_layer import ConstrainedLayer


def constrained_inside(outer: ConstrainedLayer, layers: Sequence[Any]) -> dict[int, Any] | None:
    """By the id of a layer inside, the ConstrainedLayer around it; None if one has no place.

    They share layers, weights and constraints with `outer`: other views of the same.
    """
    chains = {
        id(variable): outer.constraints[path]
        for path, variable in outer.constrained_variables().items()
    }
    views: dict[int, Any] = {}
    found: set[int] = set()
    for layer in layers:
        weights = [w for w in compressible_weights(layer) if id(w.variable) in chains]
        if weights:
            own = {weight.path: chains[id(weight.variable)] for weight in weights}
            views[id(layer)] = ConstrainedLayer(layer, own)
            found.update(id(weight.variable) for weight in weights)
    return views if found == set(chains) else None
