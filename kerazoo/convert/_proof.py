"""Runs the old and the new model on the same random inputs, and finds where they part.

Both run with `training=False`. Nothing is proven about training: dropout rates, momenta and
regularizers are taken over from the config, not compared.
"""

from __future__ import annotations

import re
from typing import Any

import keras
import numpy as np

from kerazoo.convert._model_calls import ModelCall, calls_of, graph_of
from kerazoo.errors import ConversionError
from kerazoo.notices import notice

SAMPLES = 2
UNKNOWN_SIZE = 64  # pixels or steps, where the model takes any
TOLERANCE = 1e-5  # of the largest value, in float32
HALF_TOLERANCE = 1e-2  # where a layer computes in 16 bits
LOOSER = (
    100  # times the tolerance, for layers before the last: a small difference may be large there
)
INDEXED = {"CategoryEncoding": "num_tokens", "Embedding": "input_dim"}
# Layers of Keras 2 and operations of Keras 3 whose outputs hold their inputs' values.
KEEPING = {
    *("Concatenate", "Cropping1D", "Dropout", "Flatten", "Permute", "RepeatVector", "Reshape"),
    *("Cast", "ExpandDims", "GetItem", "SlicingOpLambda", "Squeeze", "Transpose"),
}
KEEPING_FUNCTIONS = {"cast", "concat", "expand_dims", "reshape", "squeeze", "transpose"}
WORDS = np.array(["a", "the red fox", "zoo", "1 2 3", ""], dtype=object)


class _CannotRun(Exception):
    """A model refuses made-up inputs, such as numbers that are no indices."""

    def __init__(self, model: Any, problem: str):
        super().__init__(problem)
        self.model = model


def prove_equal(old: Any, new: Any, *, name: str, seed: int = 0) -> None:
    """Compare the two models' outputs, or say that the original cannot run on made-up inputs.

    Args:
        old, new: functional or Sequential models of Keras 2 or 3.
        name: what to call them in that line.
        seed: of the inputs: normal numbers, or indices that the model's embeddings know.

    Raises:
        ConversionError: they differ by more than the tolerance (the first layer that does is
            named), or only the original can run.
    """
    inputs = random_inputs(old, np.random.default_rng(seed))
    try:
        _compare(old, new, inputs, "")
    except _CannotRun as error:
        if error.model is not old:
            raise ConversionError(
                f"The converted model cannot run on made-up inputs, as the original does: {error}. "
                "If it is not made for them, verify=False converts without the comparison."
            ) from error
        notice(
            f"{name} was converted, but not compared with its original, which cannot run on "
            f"made-up inputs: {error}."
        )


def random_inputs(model: Any, generator: np.random.Generator) -> list[np.ndarray]:
    """An array for each input, `(2, ...)`."""
    indexed = [layer for layer in model._flatten_layers() if type(layer).__name__ in INDEXED]
    known_to_all = min(map(_values_of, indexed), default=10)
    arrays = []
    for tensor, limit in zip(graph_of(model).inputs, _index_limits(model), strict=True):
        shape = [UNKNOWN_SIZE if size is None else size for size in tensor.shape[1:]]
        shape = [tensor.shape[0] or SAMPLES, *shape]
        dtype = keras.backend.standardize_dtype(tensor.dtype)
        if dtype == "string":
            arrays.append(generator.choice(WORDS, shape))
        elif dtype == "bool":
            arrays.append(generator.random(shape) < 0.5)
        elif "int" in dtype or limit:
            arrays.append(generator.integers(0, limit or known_to_all, shape).astype(dtype))
        else:
            arrays.append(generator.standard_normal(shape).astype(dtype))
    return arrays


def _index_limits(model: Any) -> list[int | None]:
    """How many values each input may take that layers of `INDEXED` read, as it is or behind layers
    that keep its values; None for one that none of them is known to read."""
    limits: dict[int, int] = {}
    for call in reversed(calls_of(model)):  # what reads a layer's outputs comes before the layer
        for tensor, limit in zip(call.inputs, _limits_of(call, limits), strict=False):
            if limit is not None:
                limits[id(tensor)] = min(limit, limits.get(id(tensor), limit))
    return [limits.get(id(tensor)) for tensor in graph_of(model).inputs]


def _limits_of(call: ModelCall, behind: dict[int, int]) -> list[int | None]:
    """Of the call's inputs, given the limits of what it gives."""
    layer, kind = call.layer, type(call.layer).__name__
    if kind in INDEXED:
        return [_values_of(layer)]
    if hasattr(graph_of(layer), "_nodes_by_depth"):
        return _index_limits(layer)
    if kind in KEEPING or getattr(layer, "symbol", None) in KEEPING_FUNCTIONS:
        known = [behind[id(tensor)] for tensor in call.outputs if id(tensor) in behind]
        return [min(known, default=None)] * len(call.inputs)
    return []


def _values_of(layer: Any) -> int:
    return int(getattr(layer, INDEXED[type(layer).__name__]))


def _compare(old: Any, new: Any, inputs: list[np.ndarray], path: str) -> float:
    """Ends must agree to the tolerance. So must, less closely, all layers between: the outputs of a
    network that was never trained may hardly depend on its inputs."""
    tolerance = HALF_TOLERANCE if _computes_in_half(new) else TOLERANCE
    theirs = {call.key: call for call in calls_of(old)}
    pairs = [(theirs[call.key], call) for call in calls_of(new) if call.key in theirs]
    pairs = [pair for pair in pairs if len(pair[0].outputs) == len(pair[1].outputs)]
    ends = graph_of(old).outputs, graph_of(new).outputs
    if len(ends[0]) != len(ends[1]):
        raise ConversionError(
            f"{path or 'The model'} has {len(ends[1])} outputs, the original {len(ends[0])}."
        )
    expected = run(old, inputs, [*ends[0], *(x for call, _ in pairs for x in call.outputs)])
    actual = run(new, inputs, [*ends[1], *(x for _, call in pairs for x in call.outputs)])
    apart = [difference(*two) for two in zip(expected, actual, strict=True)]
    worst, between = max(apart[: len(ends[0])]), apart[len(ends[0]) :]
    if worst > tolerance:
        where = _first_layer(pairs, between, tolerance, path)
        raise ConversionError(
            f"The converted model's outputs differ from the original's by {worst:.2g} of their "
            f"largest value (tolerated: {tolerance:g}): {where}."
        )
    if max(between, default=0.0) > LOOSER * tolerance:
        where = _first_layer(pairs, between, LOOSER * tolerance, path)
        raise ConversionError(f"The converted model's layers differ from the original's: {where}.")
    return worst


def _first_layer(
    pairs: list[tuple[ModelCall, ModelCall]], apart: list[float], tolerance: float, path: str
) -> str:
    """Words for the first layer whose outputs differ."""
    at = 0
    for old, new in pairs:
        worst = max(apart[at : at + len(new.outputs)], default=0.0)
        at += len(new.outputs)
        if worst > tolerance:
            name = f"{path}{new.layer.name}"
            inner = _inside(old.layer, new.layer, f"{name}/")
            return inner or f"the first layer that differs is {name!r}, by {worst:.2g}"
    return "its layers, by their names, agree, so that they must be connected in another order"


def _inside(old: Any, new: Any, path: str) -> str | None:
    """Where two models in the models part; None if they are no models, cannot run on inputs that
    are random for them too, or agree on them."""
    if not hasattr(new, "layers") or not hasattr(old, "layers"):
        return None
    try:
        _compare(old, new, random_inputs(old, np.random.default_rng(1)), path)
    except _CannotRun:
        return None
    except ConversionError as error:
        return str(error).rpartition(": ")[2].removesuffix(".")
    return None


def difference(expected: np.ndarray, actual: np.ndarray) -> float:
    """Largest absolute difference over the largest finite absolute value; infinite where only one
    is NaN, or infinite."""
    if expected.shape != actual.shape:
        return float("inf")
    if expected.dtype.kind not in "biuf":
        return 0.0 if (expected == actual).all() else float("inf")
    expected, actual = expected.astype(np.float64), actual.astype(np.float64)
    apart = ~((expected == actual) | (np.isnan(expected) & np.isnan(actual)))
    if not apart.any():
        return 0.0
    largest = float(np.abs(expected[np.isfinite(expected)]).max(initial=0.0)) or 1.0
    worst = float(np.abs(actual[apart] - expected[apart]).max()) / largest
    return worst if np.isfinite(worst) else float("inf")


def run(model: Any, inputs: list[np.ndarray], tensors: list[Any]) -> list[np.ndarray]:
    """The values of symbolic tensors of the model. Raises `_CannotRun`."""
    import tensorflow as tf

    graph = graph_of(model)
    if hasattr(graph, "_nested_inputs"):  # Keras 2
        import tf_keras

        function = tf_keras.Model(graph.inputs, tensors)
    else:
        function = keras.Model(graph.inputs, tensors)
    try:
        outputs = function(inputs, training=False)
    except (tf.errors.OpError, ValueError, RuntimeError) as error:
        raise _CannotRun(model, _problem(error)) from error
    flat = outputs if isinstance(outputs, list | tuple) else [outputs]
    return [keras.ops.convert_to_numpy(output) for output in flat]


def _problem(error: Exception) -> str:
    """The error in one line, without the colors, functions and arguments around it."""
    around = r"\x1b\[\d+m|\{\{.*?\}\} |(name: )?(Call a|A)rguments received by .*"
    return re.sub(around, "", " ".join(str(error).split()))[:300].rstrip(". ")


def _computes_in_half(model: Any) -> bool:
    return any(
        "16" in str(getattr(layer, "compute_dtype", "")) for layer in model._flatten_layers()
    )
