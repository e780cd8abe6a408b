"""Bias correction (Nagel et al. 2019, arXiv:1906.04721, section 4.2), the empirical one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
from keras import ops

from kerazoo.compress._channels import CHANNELED
from kerazoo.compress._folding import scale_and_offset
from kerazoo.compress._graph import Graph
from kerazoo.compress._graph_run import BATCH_SIZE, GraphRun
from kerazoo.compress._quantized_layer import QuantizedLayer
from kerazoo.compress._samples import collect_samples
from kerazoo.compress._unquantized import is_quantized
from kerazoo.errors import ConfigError
from kerazoo.notices import notice


def correct_bias(model: keras.Model, data: Any) -> keras.Model:
    """Takes the mean error that rounded weights make out of the biases of a quantized model.

    For each convolution and dense layer, in order, and each of its channels: b becomes
    b - E[q(W) x - W x], the mean over `data` (and over positions) with the inputs x that the
    corrected layers before give. The mean error of each layer is then 0. Useful after `calibrate`;
    quantization-aware training learns the same by itself.

    Args:
        model: from `quantize_aware`, calibrated; is changed in place.
        data: a few hundred typical inputs: an array, a list or dict of them, or batches with or
            without labels. 2,048 samples at most are used: of arrays spread evenly, of batches the
            first ones.

    Returns: `model`. Layers without a bias, or a normalization with one, stay as they are; a
        notice names them. A shared layer is corrected for its first call.

    Raises:
        ConfigError: the model is not quantized.
        DataError: the data do not fit it.

    >>> net = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name="dense")])
    >>> data = np.random.default_rng(0).normal(size=(256, 3)).astype("float32")
    >>> model = calibrate(quantize_aware(net, scheme="int4_weights"), data)
    >>> before = np.abs(np.mean(model(data) - net(data), axis=0))
    >>> after = np.abs(np.mean(correct_bias(model, data)(data) - net(data), axis=0))
    >>> bool(after.max() < before.max())
    True
    """
    graph = Graph.from_model(model)
    if not is_quantized(model):
        raise ConfigError(
            f"The model {model.name!r} is not quantized: pass one that `quantize_aware` returned."
        )
    run = GraphRun(graph, collect_samples(data, model))
    left_alone = []
    for node in (node for node in graph.nodes if not node.is_input):
        layer = node.operation
        is_linear = isinstance(layer, QuantizedLayer) and isinstance(layer.inner, CHANNELED)
        if is_linear and node.call_index == 0 and not _correct(layer, run.inputs(node)[0]):
            left_alone.append(node.name)
        run.run(node)
    if left_alone:
        notice(f"{model.name}: no bias to correct in {', '.join(left_alone)}.")
    return model


def _correct(layer: QuantizedLayer, inputs: np.ndarray) -> bool:
    """Whether there is a bias; the mean error is then taken out of it."""
    inner, normalization = layer.inner, getattr(layer, "normalization", None)
    if normalization is not None and normalization.center:
        normalization.beta.assign_sub(_mean_error(layer, inputs))
    elif inner.use_bias:
        factor: Any = 1.0
        if normalization is not None:
            factor = ops.convert_to_numpy(scale_and_offset(normalization)[0])
        is_used = np.not_equal(factor, 0)
        error = _mean_error(layer, inputs) / np.where(is_used, factor, 1.0)
        inner.bias.assign_sub(np.where(is_used, error, 0.0))
    else:
        return False
    return True


def _mean_error(layer: QuantizedLayer, inputs: np.ndarray) -> np.ndarray:
    """E[quantized - float] of each output channel, before the activation."""
    total: Any = 0.0
    count = 0
    with _linear(layer.inner), _linear(layer):
        for start in range(0, len(inputs), BATCH_SIZE):
            x = ops.convert_to_tensor(inputs[start : start + BATCH_SIZE])
            exact = layer.inner(x)
            if getattr(layer, "normalization", None) is not None:
                exact = layer.normalization(exact, training=False)
            error = ops.convert_to_numpy(layer(x, training=False) - exact).astype(np.float64)
            total = total + error.reshape(-1, error.shape[-1]).sum(axis=0)
            count += error.size // error.shape[-1]
    return (total / count).astype(np.float32)


@contextmanager
def _linear(layer: Any) -> Iterator[None]:
    """Within it, the layer leaves its activation out."""
    activation = getattr(layer, "activation", None)
    if activation is None:
        yield
        return
    layer.activation = keras.activations.linear
    try:
        yield
    finally:
        layer.activation = activation
