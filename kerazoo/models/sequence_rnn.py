"""Recurrent networks for sequences of numbers: Elman's, LSTM or GRU cells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import keras
from keras import layers

from kerazoo.argument_checks import check_integers
from kerazoo.errors import unknown_name
from kerazoo.models._arguments import check_counts, check_dropped, check_shape
from kerazoo.models._head import classifier_head

_CELLS = {"simple": layers.SimpleRNN, "lstm": layers.LSTM, "gru": layers.GRU}


def sequence_rnn(
    input_shape: Sequence[int],
    num_classes: int,
    cell: Literal["simple", "lstm", "gru"] = "gru",
    units: Sequence[int] = (64,),
    bidirectional: bool = True,
    dropout: float = 0.0,
    unroll: bool = True,
    classifier_activation: str | None = None,
) -> keras.Model:
    """Recurrent layers one on the other, the states of the last at all steps, a dense head.

    The head sees every state, as in the GRU of Greydanus and Kobak 2020, arXiv:2011.14439.

    Args:
        input_shape: (steps, features); floats of about mean 0 and variance 1.
        num_classes: width of the output, `(batch, num_classes)` logits.
        cell: "simple" (Elman 1990, tanh), "lstm" or "gru" (Cho et al. 2014, arXiv:1406.1078).
        units: of each layer, in each direction, 1 or more.
        bidirectional: a second set of weights reads from the end.
        dropout: fraction of the states dropped in training before each next layer, 0 to below 1.
        unroll: lay the steps out one after the other, as a .tflite file of builtin operators asks
            for; False makes a loop, which is made sooner. The numbers are the same.
        classifier_activation: such as "softmax"; None leaves logits.
    """
    if cell not in _CELLS:
        raise unknown_name("cell", cell, _CELLS)
    check_counts(num_classes=num_classes)
    check_dropped(dropout=dropout)
    units = check_integers("units", units)
    inputs = keras.Input(check_shape(input_shape, "steps", "features"), name="sequence")
    x = inputs
    for number, width in enumerate(units, start=1):
        layer = _CELLS[cell](width, return_sequences=True, unroll=unroll, name=f"{cell}_{number}")
        if bidirectional:
            layer = layers.Bidirectional(layer, name=f"both_ways_{number}")
        x = layers.Dropout(dropout, name=f"dropout_{number}")(layer(x))
    x = layers.Flatten(name="flatten")(x)
    return keras.Model(inputs, classifier_head(x, num_classes, classifier_activation))
