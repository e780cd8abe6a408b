"""What quantizing each layer of a model alone costs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
from keras import ops, tree
from rich.console import Console
from rich.progress import track

from kerazoo.compress._accuracy import accuracy, are_two_classes
from kerazoo.compress._calibrating import calibrating
from kerazoo.compress._choices import lowering_in_scheme
from kerazoo.compress._composite_layers import is_composite
from kerazoo.compress._graph import Graph
from kerazoo.compress._labelled_samples import labelled_samples
from kerazoo.compress._layer_patterns import ExactName
from kerazoo.compress._lowering import Kind, lowering_of
from kerazoo.compress._node import Node
from kerazoo.compress._samples import as_inputs
from kerazoo.compress._tensorflow_only import check_backend
from kerazoo.compress._unquantized import check_float
from kerazoo.compress.quantize_aware import quantize_aware
from kerazoo.compress.scheme import QuantizationScheme, SchemeByLayer
from kerazoo.compress.sensitivity_result import LayerCost, SensitivityResult
from kerazoo.errors import ConfigError, unknown_name
from kerazoo.notices import logger

BATCH_SIZE = 128
METRICS = ("accuracy", "error", "loss")


def sensitivity(
    model: keras.Model,
    data: Any,
    *,
    scheme: str | QuantizationScheme = "int8",
    metric: str | Callable[[Any, Any], Any] | None = None,
    progress: bool = True,
) -> SensitivityResult:
    """What it costs to quantize one layer alone, for each layer; all others stay in float.

    A layer stands for what is fused with it: a convolution for its batch normalization and ReLU.
    Ranges are calibrated on the data. One model is built and run for each layer.

    Args:
        model: functional or Sequential, in float; stays as it is.
        data: `(x, y)`: inputs (an array, or a list or dict of them) and targets; or batches of such
            pairs; or inputs alone. 2,048 samples at most are used: of arrays spread evenly, of
            batches the first ones.
        scheme: the name of a scheme, or a `QuantizationScheme`.
        metric: "accuracy": the share of samples whose class (the largest output; above 0.5 for
            outputs of one number, whose y is 0 or 1) is no longer right, y holding class numbers or
            one-hot rows; "loss": the growth of the loss that the model is compiled with; "error":
            the relative change of the outputs, the only one without y; or a function of
            (y_true, y_pred) whose mean grows as predictions get worse. None takes "accuracy" for y
            that holds classes, "error" otherwise.
        progress: show a bar on stderr.

    Returns: a `SensitivityResult`, the most sensitive layer first; of equal costs the one first
        that changes the outputs more.

    Raises:
        ConfigError: a metric that needs targets or a compiled model; a model that is quantized or
            cannot be taken apart.
        DataError: the data do not fit the model.
        UnknownNameError: no such metric or scheme.

    >>> net = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name="dense")])
    >>> result = sensitivity(net, np.eye(3, dtype="float32"), progress=False)
    >>> [entry.layer for entry in result], result.metric
    (['dense'], 'error')
    """
    check_backend("`sensitivity`")
    check_float(model, "sensitivity")
    schemes = SchemeByLayer({"*": scheme})
    units = list(_units(Graph.from_model(model, expand=is_composite), schemes))
    samples, targets = labelled_samples(data, model)
    exact = _outputs(model, samples)
    measure, name = _measure(metric, model, targets, exact)
    reference = measure(exact, exact)
    costs = []
    for layer, *others in track(
        units,
        "sensitivity",
        console=Console(stderr=True),
        transient=True,
        disable=not (progress and Console(stderr=True).is_terminal),
    ):
        outputs = _outputs(_quantized(model, [layer, *others], scheme, samples), samples)
        error = _relative_error(outputs, exact)
        cost = measure(outputs, exact) - reference
        costs.append(LayerCost(layer, cost, error, tuple(others)))
    costs.sort(key=lambda entry: (-entry.cost, -entry.error))
    shown = 1 - reference if name == "accuracy" else reference
    return SensitivityResult(model.name, str(scheme), name, shown, tuple(costs))


def _units(graph: Graph, schemes: SchemeByLayer) -> Iterator[list[str]]:
    """Names of layers that the scheme makes one integer operator, its first layer first."""
    seen: set[int] = set()
    for node in graph.nodes:
        if node.is_input or id(node.operation) in seen:
            continue
        if not _is_quantized(graph, node, schemes(node.name)):
            continue
        unit = [node, *_normalization(graph, node)]
        seen.update(id(part.operation) for part in unit)
        yield [part.name for part in unit]


def _is_quantized(graph: Graph, node: Node, scheme: QuantizationScheme | None) -> bool:
    lowering = lowering_in_scheme(graph, node, scheme)
    is_layer = isinstance(node.operation, keras.Layer)
    is_quantized = lowering.kind is Kind.QUANTIZED or lowering.make is not None
    return is_layer and is_quantized and not lowering.is_relu


def _normalization(graph: Graph, node: Node) -> list[Node]:
    """The normalization behind that is folded in, if there is one."""
    if node.call_index or len(node.outputs) != 1 or len(node.output.consumers) != 1:
        return []
    behind = node.output.consumers[0]
    is_normalization = type(behind.operation) is keras.layers.BatchNormalization
    lowering = lowering_of(node.operation, graph.calls_of(node.operation))
    return [behind] if lowering.folds_normalization and is_normalization else []


def _quantized(
    model: keras.Model, layers: list[str], scheme: Any, samples: list[np.ndarray]
) -> keras.Model:
    was_disabled, logger.disabled = logger.disabled, True  # the rest is in float on purpose
    try:
        quantized = quantize_aware(
            model, scheme={"*": None, **{ExactName(name): scheme for name in layers}}
        )
    finally:
        logger.disabled = was_disabled
    with calibrating():
        _outputs(quantized, samples)
    return quantized


def _outputs(model: keras.Model, samples: list[np.ndarray]) -> list[np.ndarray]:
    """The flat outputs for all samples."""
    parts = []
    for start in range(0, len(samples[0]), BATCH_SIZE):
        rows = [array[start : start + BATCH_SIZE] for array in samples]
        parts.append(tree.flatten(model(as_inputs(model, rows), training=False)))
    return [
        np.concatenate([ops.convert_to_numpy(x) for x in column])
        for column in zip(*parts, strict=True)
    ]


def _relative_error(outputs: list[np.ndarray], exact: list[np.ndarray]) -> float:
    """Of the output that changed most."""
    errors = []
    for one, other in zip(outputs, exact, strict=True):
        spread = float(other.std()) or float(np.abs(other).max()) or 1.0
        errors.append(float(np.sqrt(np.mean((one - other) ** 2))) / spread)
    return max(errors)


Measure = Callable[[list[np.ndarray], list[np.ndarray]], float]


def _measure(
    metric: Any, model: keras.Model, targets: np.ndarray | None, exact: list[np.ndarray]
) -> tuple[Measure, str]:
    """A function of (outputs, float outputs) that grows as outputs get worse, and its name."""
    if metric is None:
        metric = "error" if targets is None or not _are_classes(targets, exact) else "accuracy"
    if isinstance(metric, str) and metric not in METRICS:
        raise unknown_name("metric", metric, METRICS)
    if not isinstance(metric, str) and not callable(metric):
        raise ConfigError(f"`metric` must be a name or a function. Received: {metric!r}.")
    if metric == "error":
        return _relative_error, "error"
    if targets is None:
        raise ConfigError(f"metric={metric!r} needs targets: pass `data` as (x, y).")
    if len(model.outputs) != 1:
        raise ConfigError(
            f'The model {model.name!r} has {len(model.outputs)} outputs: use metric="error".'
        )
    if metric == "accuracy":
        return lambda outputs, exact: 1 - accuracy(outputs[0], targets), "accuracy"
    name = metric if isinstance(metric, str) else getattr(metric, "__name__", "metric")
    if metric == "loss":
        metric = _loss(model)
    return lambda outputs, exact: float(ops.mean(metric(targets, outputs[0]))), name


def _loss(model: keras.Model) -> Callable[[Any, Any], Any]:
    """The loss that a model of one output is compiled with, by itself or in a list or dict."""
    given = getattr(model, "loss", None)
    if isinstance(given, dict | list | tuple):
        entries = list(given.values() if isinstance(given, dict) else given)
        if len(entries) > 1:
            raise ConfigError(
                f'metric="loss" needs one loss for the one output of {model.name!r}. Received: '
                f"{given!r}. Compile the model with one, or pass it as `metric`."
            )
        given = entries[0] if entries else None
    if not given:
        raise ConfigError(f'metric="loss" needs a compiled model. Compile {model.name!r}.')
    return keras.losses.get(given)


def _are_classes(targets: np.ndarray, exact: list[np.ndarray]) -> bool:
    """Whether targets are classes of the only output, judged by what the float model gives."""
    if len(exact) != 1:
        return False
    has_several = exact[0].ndim > 1 and exact[0].shape[-1] > 1
    if targets.dtype.kind in "biu":  # whole numbers of one output may also be measured ones
        return has_several or are_two_classes(targets)
    has_rows = has_several and targets.shape == exact[0].shape
    return has_rows and targets.dtype.kind == "f" and _are_one_hot(targets)


def _are_one_hot(rows: np.ndarray) -> bool:
    return bool(np.isin(rows, (0, 1)).all() and (rows.sum(axis=-1) == 1).all())
