"""Reads the config that Keras 2 saves of a model: the JSON in .h5, .keras and SavedModel files.

Nothing in it is executed or imported here. Two formats exist: the older names a class alone, the
newer one (in .keras files) its module too; the calls of layers are written alike in both.
"""

from __future__ import annotations

from typing import Any

from kerazoo.convert._spec import (
    Call,
    LayerSpec,
    ModelSpec,
    TensorRef,
    map_leaves,
    refs_in,
    without_slashes,
)
from kerazoo.errors import ConversionError

MODELS = {"Functional", "Sequential", "Model"}
# These are called with a list of one tensor as they were; others get the tensor itself.
KEEPS_LISTS = {"TFOpLambda", "SlicingOpLambda", "ClassMethod", "InstanceMethod", "InstanceProperty"}
CONSTANT = "_CONSTANT_VALUE"
RECURRENT = {"RNN", "SimpleRNN", "LSTM", "GRU", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D"}
DEEPEST = 50  # models within models


def read_keras2_config(saved: Any, depth: int = 0) -> ModelSpec:
    """The spec of a saved `{"class_name": ..., "config": ...}`.

    Raises:
        ConversionError: it is not a functional or Sequential model, or its parts do not fit.
    """
    try:
        kind, config = saved["class_name"], saved["config"]
        if kind == "Sequential":
            return _sequential(config, depth)
        if isinstance(config, dict) and "output_layers" in config:
            return _functional(config, depth)
    except (KeyError, TypeError, IndexError, AttributeError, ValueError) as error:
        if isinstance(error, ConversionError):
            raise
        problem = f"{type(error).__name__}: {error}"
        raise ConversionError(f"The model's saved config cannot be read: {problem}.") from error
    raise ConversionError(
        f"{kind} is a class of the model's author with a `call` of its own, which is not in the "
        "file. Write the model in Keras 3 and pass it as `model=`: its weights are taken over."
    )


def _sequential(config: Any, depth: int) -> ModelSpec:
    if isinstance(config, list):  # Keras before 2.2.3
        config = {"name": "sequential", "layers": config}
    layers = [_layer(one, depth) for one in config["layers"]]
    shape = config.get("build_input_shape")
    spec = ModelSpec(config["name"], layers, input_shape=tuple(shape) if shape else None)
    without_slashes(spec)
    return spec


def _functional(config: dict[str, Any], depth: int) -> ModelSpec:
    layers = []
    names = {_name_of(one) for one in config["layers"]}
    for one in config["layers"]:
        layer = _layer(one, depth)
        layer.calls = [_call(layer.kind, node, names) for node in one.get("inbound_nodes", [])]
        layers.append(layer)
    ends = [_unwrapped(_with_refs(config[f"{end}_layers"])) for end in ("input", "output")]
    spec = ModelSpec(config["name"], layers, *ends)
    _count_calls_from_zero(spec)
    without_slashes(spec)
    return spec


def _layer(saved: dict[str, Any], depth: int) -> LayerSpec:
    if depth > DEEPEST:
        raise ConversionError(f"The config nests models more than {DEEPEST} deep: it is refused.")
    kind, config = saved["class_name"], saved["config"]
    registered = saved.get("registered_name")
    if registered and ">" in registered:
        kind = registered  # "package>Name" of a class that is not Keras's
    model = None
    if kind in MODELS:
        model = read_keras2_config({"class_name": kind, "config": config}, depth + 1)
    return LayerSpec(
        _name_of(saved), kind, dict(config) if isinstance(config, dict) else {}, model=model
    )


def _name_of(saved: dict[str, Any]) -> str:
    return saved.get("name") or saved["config"]["name"]


def _call(kind: str, node: Any, names: set[str]) -> Call:
    """A call from what Keras 2 keeps of it: the first argument, and in each of its tensors all
    other arguments by name."""
    keywords: dict[str, Any] = {}

    def leaf(saved: list[Any]) -> Any:
        if len(saved) == 4 and saved[3]:
            keywords.update(saved[3])
        return saved[2] if saved[0] == CONSTANT else TensorRef(*saved[:3])

    first = _map_places(leaf, node)
    if kind not in KEEPS_LISTS:
        first = _unwrapped(first)
    given = {name: value for name, value in keywords.items() if value is not None}
    kwargs = {name: _with_refs(value, names) for name, value in given.items()}
    if kind in RECURRENT | {"Bidirectional"} and isinstance(first, list):
        first, *state = first  # Keras 2 keeps a layer's initial state as further inputs
        kwargs["initial_state"] = state
    return Call((first,), kwargs)


def _map_places(convert: Any, structure: Any) -> Any:
    """`convert` for each place `[layer, call, index, ...]` in nested lists and dicts."""
    if _is_place(structure):
        return convert(structure)
    if isinstance(structure, dict):
        return {name: _map_places(convert, value) for name, value in structure.items()}
    if isinstance(structure, list | tuple):
        return [_map_places(convert, value) for value in structure]
    raise ConversionError(f"The config's calls cannot be read at {str(structure)[:80]!r}.")


def _is_place(value: Any) -> bool:
    return (
        isinstance(value, list | tuple)
        and len(value) in (3, 4)
        and isinstance(value[0], str)
        and isinstance(value[1], int)
    )


def _with_refs(structure: Any, names: set[str] | None = None) -> Any:
    """Its places as `TensorRef`s; where `names` are given, only those of layers so named."""
    if _is_place(structure) and len(structure) == 3 and (names is None or structure[0] in names):
        return TensorRef(*structure)
    if isinstance(structure, dict):
        return {name: _with_refs(value, names) for name, value in structure.items()}
    if isinstance(structure, list | tuple):
        return [_with_refs(value, names) for value in structure]
    return structure


def _unwrapped(structure: Any) -> Any:
    """The only element of a list of one."""
    if isinstance(structure, list) and len(structure) == 1:
        return structure[0]
    return structure


def _count_calls_from_zero(spec: ModelSpec) -> None:
    """Keras 2 counts the calls of most models within a model from 1, since making them is one.

    Each call is referred to, or it would not be part of the model: so the least number tells.
    """
    calls = [list(call) for layer in spec.layers for call in layer.calls]
    least: dict[str, int] = {}
    for ref in refs_in([spec.inputs, spec.outputs, calls]):
        least[ref.layer] = min(ref.call, least.get(ref.layer, ref.call))

    def shifted(leaf: Any) -> Any:
        if isinstance(leaf, TensorRef):
            return TensorRef(leaf.layer, leaf.call - least[leaf.layer], leaf.output)
        return leaf

    spec.inputs, spec.outputs = (map_leaves(shifted, end) for end in (spec.inputs, spec.outputs))
    for layer in spec.layers:
        layer.calls = [Call(*(map_leaves(shifted, part) for part in call)) for call in layer.calls]
