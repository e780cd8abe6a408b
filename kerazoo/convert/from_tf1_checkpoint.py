"""Weights that `tf.train.Saver` saved, in a Keras model."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np

from kerazoo.convert._proof import TOLERANCE, difference, random_inputs
from kerazoo.convert._tf1_checkpoint import model_variables, open_checkpoint, read_value
from kerazoo.convert._tf1_graph import run_tf1_graph
from kerazoo.convert.infer_mapping import infer_mapping
from kerazoo.convert.name_mapping import NameMapping
from kerazoo.errors import ConversionError
from kerazoo.notices import notice


def from_tf1_checkpoint(
    prefix: str | os.PathLike[str],
    model: keras.Model,
    mapping: Mapping[str, str] | None = None,
    *,
    confirm: Callable[[NameMapping], bool] | None = None,
    compare: tuple[str, str] | None = None,
    feeds: Mapping[str, Any] | None = None,
) -> keras.Model:
    """Fill `model` with a TensorFlow 1 checkpoint's variables.

    Which variable is which is inferred from shapes and names (`infer_mapping`) where `mapping`
    does not say it, and the inferred table is shown: handed to `confirm`, or said once. Variables
    of optimizers are left out. Values are taken as they are: layers whose arithmetic differs in
    TensorFlow 1, LSTM cells above all, are not converted.

    **Proof.** With `compare`, the graph in `prefix`.meta and the model run on the same random
    inputs: outputs must agree to 1e-5 of their largest value. Only operations that compute are
    run, by the list that kerazoo.hub goes by. Without `compare`, shapes are all that is checked.

    Args:
        prefix: of the checkpoint: "model.ckpt-1000".
        model: built, of the same architecture. It is changed, and returned.
        mapping: path of the model's variable -> name in the checkpoint; may be partial.
        confirm: is called with the inferred `NameMapping`; False stops, and nothing is changed.
        compare: names of the graph's input and output tensors: `("image:0", "logits:0")`.
        feeds: values of other placeholders, by tensor name: `{"keep_prob:0": 1.0}`.

    Raises:
        ConversionError: the checkpoint cannot be read; a variable has no counterpart, or several
            candidates, which are listed; it was not confirmed; or the outputs differ (the
            model has its old weights then).

    >>> import keras, kerazoo, tensorflow as tf
    >>> old = {"W": tf.Variable(tf.ones((4, 2))), "b": tf.Variable(tf.zeros(2))}
    >>> prefix = tf.compat.v1.train.Saver(old).save(None, "model.ckpt", global_step=1000)
    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    >>> model = kerazoo.convert.from_tf1_checkpoint("model.ckpt-1000", model)
    >>> float(model.get_weights()[0].sum())
    8.0
    """
    inferred = infer_mapping(prefix, model, mapping)
    if confirm is not None:
        if not confirm(inferred):
            raise ConversionError("The mapping was not confirmed: nothing was changed.")
    elif set(inferred.pairs) != set(mapping or {}):
        notice(f"{os.fspath(prefix)}, mapping inferred:\n{inferred}")
    variables = model_variables(model)
    before = {path: keras.ops.convert_to_numpy(v) for path, v in variables.items()}
    reader = open_checkpoint(prefix)
    values = {path: read_value(reader, name) for path, name in inferred.pairs.items()}
    try:
        for path, value in values.items():
            variables[path].assign(value)
        if compare is not None:
            _prove(prefix, model, compare, feeds or {})
    except BaseException:  # Keras's and TensorFlow's too, and Ctrl-C
        for path, value in before.items():
            variables[path].assign(value)
        raise
    return model


def _prove(prefix: Any, model: Any, compare: tuple[str, str], feeds: Mapping[str, Any]) -> None:
    arrays = random_inputs(model, np.random.default_rng(0))
    if len(arrays) != 1:
        raise ConversionError(
            f"`compare` takes models of one input. Received: one of {len(arrays)}."
        )
    if len(model.outputs) != 1:
        raise ConversionError(
            f"`compare` takes models of one output. Received: one of {len(model.outputs)}. Pass a "
            f"keras.Model(inputs, output) of the same layers."
        )
    image, output = compare
    given = {image: arrays[0], **{name: np.asarray(value) for name, value in feeds.items()}}
    expected = run_tf1_graph(prefix, output, given)
    actual = keras.ops.convert_to_numpy(model(arrays[0], training=False))
    worst = difference(expected, actual)
    if worst > TOLERANCE:
        raise ConversionError(
            f"The model's outputs {actual.shape} differ from {output!r} {expected.shape} by "
            f"{worst:.2g} of their largest value (tolerated: {TOLERANCE:g}). Look at the pairs "
            "that were found by number, at the scale of the input, and at the order of the layers."
        )
