"""Runs the old and the new model on the same random inputs, and finds where they part.

Both run with `training=False`. Nothing is proven about training: dropout rates, momenta and
regularizers are taken over from the config, not compared.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from kerazoo.convert._model_calls import ModelCall, calls_of, graph_of
from kerazoo.errors import ConversionError

SAMPLES = 2
UNKNOWN_SIZE = 64  # pixels or steps, where the model takes any
TOLERANCE = 1e-5  # of the largest value, in float32
HALF_TOLERANCE = 1e-2  # where a layer computes in 16 bits
LOOSER = (
    100  # times the tolerance, for layers before the last: a small difference may be large there
)
INDEXED = {"CategoryEncoding": "num_tokens", "Embedding": "input_dim"}
WORDS = np.array(["a", "the red fox", "zoo", "1 2 3", ""], dtype=object)


def prove_equal(old: Any, new: Any, *, seed: int = 0) -> float:
    """The largest difference of the two models' outputs, as a fraction of the largest value.

    Args:
        old, new: functional or Sequential models of Keras 2 or 3.
        seed: of the inputs: normal numbers, or indices that the model's embeddings know.

    Raises:
        ConversionError: it is above the tolerance. The first layer that differs is named.
    """
    inputs = random_inputs(old, np.random.default_rng(seed))
    return _compare(old, new, inputs, "")


def random_inputs(model: Any, generator: np.random.Generator) -> list[np.ndarray]:
    """An array for each input, `(2, ...)`."""
    limit = _index_limits(model)
    arrays = []
    for tensor in graph_of(model).inputs:
        shape = [UNKNOWN_SIZE if size is None else size for size in tensor.shape[1:]]
        shape = [tensor.shape[0] or SAMPLES, *shape]
        dtype = keras.backend.standardize_dtype(tensor.dtype)
        if dtype == "string":
            arrays.append(generator.choice(WORDS, shape))
        elif dtype == "bool":
            arrays.append(generator.random(shape) < 0.5)
        elif "int" in dtype or id(tensor) in limit:
            arrays.append(
                generator.integers(0, limit.get(id(tensor), limit[0]), shape).astype(dtype)
            )
        else:
            arrays.append(generator.standard_normal(shape).astype(dtype))
    return arrays


def _index_limits(model: Any) -> dict[int, int]:
    """How many values each input that a layer of `INDEXED` reads may take, by the input's id; for
    other integers, under 0, what all of those layers know."""
    limits = {0: 10}
    layers = [layer for layer in model._flatten_layers() if type(layer).__name__ in INDEXED]
    if layers:
        limits[0] = min(map(_values_of, layers))
    for layer in {id(call.layer): call.layer for call in calls_of(model)}.values():
        if type(layer).__name__ in INDEXED:
            for node in layer._inbound_nodes:
                tensors = node.input_tensors
                for tensor in tensors if isinstance(tensors, list | tuple) else [tensors]:
                    limits[id(tensor)] = _values_of(layer)
    return limits


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
    """Where two models in the models part; None if they are no models, or agree on inputs that
    are random for them too."""
    if not hasattr(new, "layers") or not hasattr(old, "layers"):
        return None
    try:
        _compare(old, new, random_inputs(old, np.random.default_rng(1)), path)
    except ConversionError as error:
        return str(error).rpartition(": ")[2].removesuffix(".")
    return None


def difference(expected: np.ndarray, actual: np.ndarray) -> float:
    """Largest absolute difference over the largest absolute value; infinite where one is NaN."""
    if expected.shape != actual.shape:
        return float("inf")
    if expected.dtype.kind not in "biuf":
        return 0.0 if (expected == actual).all() else float("inf")
    expected, actual = expected.astype(np.float64), actual.astype(np.float64)
    same = (expected == actual) | (np.isnan(expected) & np.isnan(actual))
    if same.all():
        return 0.0
    with np.errstate(invalid="ignore"):
        largest = float(np.abs(expected).max()) or 1.0
        worst = float(np.abs(np.where(same, 0.0, actual - expected)).max()) / largest
    return worst if np.isfinite(worst) else float("inf")


def run(model: Any, inputs: list[np.ndarray], tensors: list[Any]) -> list[np.ndarray]:
    """The values of symbolic tensors of the model."""
    graph = graph_of(model)
    if hasattr(graph, "_nested_inputs"):  # Keras 2
        import tf_keras

        outputs = tf_keras.Model(graph.inputs, tensors)(inputs, training=False)
    else:
        outputs = keras.Model(graph.inputs, tensors)(inputs, training=False)
    flat = outputs if isinstance(outputs, list | tuple) else [outputs]
    return [keras.ops.convert_to_numpy(output) for output in flat]


def _computes_in_half(model: Any) -> bool:
    return any(
        "16" in str(getattr(layer, "compute_dtype", "")) for layer in model._flatten_layers()
    )
