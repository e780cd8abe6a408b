"""AdaRound (Nagel et al. 2020, arXiv:2004.10568): weights rounded so that outputs stay."""

from __future__ import annotations

import fnmatch
import functools
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from rich.console import Console
from rich.progress import Progress

from kerazoo.argument_checks import check_integer
from kerazoo.compress._channels import CHANNELED, quantization_axes
from kerazoo.compress._clone_layer import clone_layer
from kerazoo.compress._fold_normalization import fold_normalization
from kerazoo.compress._graph import Graph
from kerazoo.compress._graph_run import GraphRun
from kerazoo.compress._layer_patterns import as_patterns
from kerazoo.compress._learned_rounding import learn_rounding
from kerazoo.compress._node import Node
from kerazoo.compress._samples import collect_samples
from kerazoo.compress._unquantized import check_plain
from kerazoo.compress._weight_grid import weight_grid
from kerazoo.errors import ConfigError, unknown_name


def adaround(
    model: keras.Model,
    data: Any,
    *,
    bits: int = 8,
    steps: int = 1000,
    batch_size: int = 32,
    skip: Sequence[str] = (),
    seed: int = 0,
    progress: bool = True,
) -> keras.Model:
    """A model whose kernels lie on integer grids, each weight rounded up or down as learned.

    Layer after layer, the rounding is trained on samples to bring the layer's output, for the
    inputs that the rounded layers before it give, close to the float model's; where that does not
    help, weights are rounded to the nearest. Any later rounding to `bits` bits, by
    `quantize_aware` or by the converter, finds the kernels on its grid and leaves them as they
    are: one step per channel for convolutions, one in all for dense and transposed ones, whose
    range may be clipped where that lowers the squared error.

    Args:
        model: functional or Sequential, in float; stays as it is. Batch normalizations that follow
            a convolution or dense layer are folded into it first.
        data: a few hundred typical inputs or more: an array, a list or dict of them, or batches
            with or without labels. 2,048 samples at most are used (of arrays spread evenly, of
            batches the first ones), and all values between two layers are held in memory at a time.
        bits: of the weights, 8 or 4.
        steps: of Adam for each layer, on `batch_size` samples each.
        skip: names or patterns of layers that stay in float.
        seed: of the order of the samples, 0 or above.
        progress: show a bar on stderr.

    Returns: a flat functional model for inference and calibration. Convolutions and dense layers
        are rounded; other kernels (separable, attention, recurrent) stay as they are.

    Raises:
        ConfigError: an argument is out of range, or the model is pruned, clustered or quantized
            already, or a subclass with a `call` of its own.
        UnknownNameError: a pattern in `skip` that fits no layer.
        DataError: the data do not fit the model.

    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, name="dense")])
    >>> data = np.random.default_rng(0).normal(size=(64, 4)).astype("float32")
    >>> rounded = adaround(model, data, bits=4, steps=50, progress=False)
    >>> len(np.unique(rounded.get_layer("dense").kernel.numpy())) <= 15
    True
    """
    if bits not in (4, 8):
        raise ConfigError(f"`bits` must be 8 or 4. Received: {bits!r}.")
    check_integer("steps", steps)
    check_integer("batch_size", batch_size)
    check_integer("seed", seed, least=0)
    check_plain(model, "adaround")
    rounded = fold_normalization(model)
    samples = collect_samples(data, rounded)
    graph = Graph.from_model(rounded)
    layers = _layers_to_round(graph, as_patterns(skip))
    train = functools.partial(learn_rounding, steps=steps, batch_size=batch_size, seed=seed)
    exact, inexact = GraphRun(graph, samples), GraphRun(graph, samples)
    copies: dict[int, Any] = {}
    with _bar(progress) as bar:
        task = bar.add_task("adaround", total=len(layers))
        for node in (node for node in graph.nodes if not node.is_input):
            (inputs, *_), (targets, *_) = inexact.inputs(node), exact.run(node)
            layer = node.operation
            if id(layer) in layers and id(layer) not in copies:
                bar.update(task, description=f"adaround  {node.name}")
                copies[id(layer)] = _rounded(layer, inputs, targets, bits, train)
                bar.advance(task)
            inexact.run(node, copies.get(id(layer)))
    for layer in layers.values():  # not earlier: the float model may call it again
        layer.kernel.assign(copies[id(layer)].kernel)
    return rounded


def _rounded(
    layer: Any, inputs: np.ndarray, targets: np.ndarray, bits: int, train: Callable[..., Any]
) -> Any:
    """A copy of the layer with its kernel rounded."""
    axes = quantization_axes(layer, layer.kernel)
    grid = weight_grid(layer.kernel.numpy(), bits=bits, axes=axes)
    copy = clone_layer(layer)
    copy.kernel.assign(train(layer, {"kernel": grid}, inputs, targets)["kernel"])
    return copy


def _layers_to_round(graph: Graph, skip: list[str]) -> dict[int, Any]:
    names = [node.name for node in graph.nodes if not node.is_input]
    for pattern in skip:
        if not fnmatch.filter(names, pattern):
            raise unknown_name("layer", pattern, names)
    return {id(node.operation): node.operation for node in graph.nodes if _is_rounded(node, skip)}


def _is_rounded(node: Node, skip: list[str]) -> bool:
    is_skipped = any(fnmatch.fnmatchcase(node.name, pattern) for pattern in skip)
    return type(node.operation) in CHANNELED and not is_skipped


def _bar(progress: bool) -> Progress:
    console = Console(stderr=True)
    return Progress(console=console, transient=True, disable=not (progress and console.is_terminal))
