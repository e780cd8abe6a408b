"""A copy of a model with constraints on some weights: what `prune` and `cluster` share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import keras
import numpy as np

from kerazoo.compress._clone_layer import clone_layer
from kerazoo.compress._graph_reader import _functional_class
from kerazoo.compress._layer_patterns import as_patterns
from kerazoo.compress._unquantized import is_quantized
from kerazoo.compress._weights_of import CompressibleWeight, compressible_weights
from kerazoo.compress.constrained_layer import ConstrainedLayer
from kerazoo.compress.weight_constraint import WeightConstraint
from kerazoo.errors import ConfigError, unknown_name


@dataclass(frozen=True)
class ModelWeight:
    """A weight that can be constrained, and the layer of the model that holds it."""

    layer: keras.Layer
    """A layer of the model or of a model inside of it, never a ConstrainedLayer."""
    weight: CompressibleWeight

    @property
    def name(self) -> str:
        """ "block1/kernel", "attention/query/kernel"."""
        return f"{self.layer.name}/{self.weight.path}"


def weights_of_model(model: keras.Model, skip: Sequence[str] = ()) -> list[ModelWeight]:
    """All weights of `model` that can be constrained, less those that `skip` names.

    Args:
        model: a Sequential or functional model, built; it may hold further models.
        skip: names of layers ("head") or weights ("attention/query/kernel"), with wildcards.

    Raises:
        ConfigError: a model of another kind, or one not built; weights that are not finite.
        UnknownNameError: a name in `skip` that fits none of the weights.
    """
    check_model(model)
    skip = as_patterns(skip)
    found = [
        ModelWeight(layer, weight)
        for layer in flat_layers(model)
        for weight in compressible_weights(layer)
    ]
    for pattern in skip:
        if not any(_is_named(entry, pattern) for entry in found):
            names = {entry.layer.name for entry in found} | {entry.name for entry in found}
            raise unknown_name("layer or weight in `skip`:", pattern, names)
    chosen = [entry for entry in found if not any(_is_named(entry, pattern) for pattern in skip)]
    for entry in chosen:
        if not np.isfinite(keras.ops.convert_to_numpy(entry.weight.variable)).all():
            raise ConfigError(
                f"The weight {entry.name!r} of {model.name!r} has values that are not finite: its "
                f"training has diverged. Begin with weights from before."
            )
    return chosen


def flat_layers(model: keras.Model) -> list[keras.Layer]:
    """Layers of `model` and of the models inside of it, each once, ConstrainedLayers unwrapped."""
    found: dict[int, keras.Layer] = {}
    for layer in model.layers:
        if isinstance(layer, ConstrainedLayer):
            layer = layer.layer
        inner = flat_layers(layer) if is_graph(layer) else [layer]
        found.update({id(each): each for each in inner})
    return list(found.values())


def is_graph(layer: Any) -> bool:
    """Whether a layer is a Sequential or functional model."""
    return isinstance(layer, (keras.Sequential, _functional_class()))


def constrained_model(
    model: keras.Model, constraints: Sequence[tuple[ModelWeight, WeightConstraint]]
) -> keras.Model:
    """A copy of `model`, not compiled, where each weight has its constraint after those it had.

    Those that choose values from zeros that others make (`is_last`) stay behind all others.
    """
    if keras.backend.backend() == "jax":
        raise ConfigError(
            "On the JAX backend of Keras constraints cannot keep state: train with TensorFlow or "
            "PyTorch (KERAS_BACKEND), and load the stripped model in JAX."
        )
    if is_quantized(model):
        raise ConfigError(
            f"{model.name!r} is quantization-aware already: quantize last. First `prune`, then "
            f"`cluster`, then `quantize_aware`; `strip` gives back the model that was quantized."
        )
    additions: dict[int, dict[str, WeightConstraint]] = {}
    for entry, constraint in constraints:
        additions.setdefault(id(entry.layer), {})[entry.weight.path] = constraint

    def copy(layer: keras.Layer) -> Any:
        clone = clone_layer(layer)
        has_some = isinstance(clone, ConstrainedLayer)
        inner = additions.get(id(layer.layer if has_some else layer), {})
        if not inner:
            return clone
        chains = dict(clone.constraints) if has_some else {}
        for path, constraint in inner.items():
            chain = [*chains.get(path, []), constraint]
            chains[path] = sorted(chain, key=lambda each: each.is_last)
        return ConstrainedLayer(_unconstrained(clone), chains)

    return copy_model(model, copy)


def copy_model(model: keras.Model, copy: Callable[[keras.Layer], Any]) -> keras.Model:
    """`model` again, not compiled, with `copy(layer)` for every layer that is not a model."""
    check_model(model)
    inputs = None  # clone_model keeps the name of a Sequential's input, of others it does not
    if not isinstance(model, keras.Sequential):
        inputs = keras.tree.map_structure(_same_input, model.input)
    with _not_compiled(model):
        return keras.models.clone_model(
            model, input_tensors=inputs, clone_function=copy, recursive=True
        )


def _same_input(tensor: Any) -> Any:
    layer = tensor._keras_history.operation
    return keras.Input(
        batch_shape=tensor.shape,
        dtype=tensor.dtype,
        sparse=tensor.sparse,
        ragged=tensor.ragged,
        name=layer.name,
        optional=layer.optional,
    )


def _unconstrained(layer: keras.Layer) -> keras.Layer:
    """A plain layer from one that may be a ConstrainedLayer: free for other constraints."""
    return clone_layer(layer.layer) if isinstance(layer, ConstrainedLayer) else layer


def _is_named(entry: ModelWeight, pattern: str) -> bool:
    return fnmatchcase(entry.layer.name, pattern) or fnmatchcase(entry.name, pattern)


def check_model(model: Any) -> None:
    """Raises ConfigError unless `model` is Sequential or functional, and built."""
    if not isinstance(model, keras.Model) or not is_graph(model):
        raise ConfigError(
            f"`model` must be a Sequential or functional model, whose layers are known. Received: "
            f"{type(model).__name__}. Make one: keras.Model(inputs, model.call(inputs))."
        )
    if not model.built:
        raise ConfigError(
            f"`model` must be built. Received: {model.name!r}, which is not. Give it an "
            f"Input(shape) or call it once."
        )


@contextmanager
def _not_compiled(model: keras.Model) -> Iterator[None]:
    # clone_model compiles the copy by a config, which fails for losses that are not registered.
    models = [model, *(layer for layer in model._flatten_layers() if is_graph(layer))]
    before = [each.compiled for each in models]
    for each in models:
        each.compiled = False
    try:
        yield
    finally:
        for each, was_compiled in zip(models, before, strict=True):
            each.compiled = was_compiled
