"""Arguments of builders out of their range: one line that names them, before anything is built."""

import inspect
import re

import numpy as np
import pytest

from kerazoo import models
from kerazoo.errors import ConfigError, UnknownNameError

NEEDED = {  # what has no default
    "input_shape": (32, 32, 3),
    "num_classes": 3,
    "observation_shape": (4,),
    "outputs": 2,
    "horizon": 2,
    "items": 5,
    "vocabulary_size": 9,
}
SHAPES = {
    "ctc_cnn": (8000,),
    "keyword_cnn": (8000,),
    "linear": (2,),
    "sequence_cnn": (8, 2),
    "sequence_rnn": (8, 2),
    "tcn_forecaster": (8, 2),
    "text_cnn": (8,),
    "text_lstm": (8,),
}
NO_NUMBERS = {"bidirectional", "unroll", "cell", "activation", "classifier_activation"}
NUMBERS = [
    (name, argument)
    for name, builder in models.builders().items()
    for argument in inspect.signature(builder).parameters.keys() - NO_NUMBERS
]


def refused(name, kind=ConfigError, **arguments):
    """What the builder says of valid arguments but for `arguments`."""
    builder = models.builders()[name]
    valid = {key: NEEDED[key] for key in inspect.signature(builder).parameters if key in NEEDED}
    if name in SHAPES:
        valid["input_shape"] = SHAPES[name]
    if name == "linear":
        valid |= {"mean": [1.0, 2.0], "variance": [1.0, 1.0]}
    with pytest.raises(kind) as caught:
        builder(**{**valid, **arguments})
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(("name", "argument"), sorted(NUMBERS))
def test_every_number_is_checked(name, argument):
    below = [] if (name, argument) == ("tcn_forecaster", "mean") else [-1, [-1]]
    for value in ("x", float("nan"), *below):
        says = refused(name, **{argument: value})
        assert re.match(rf"`{argument}(\[0\])?` must .*Received: ", says), (value, says)


@pytest.mark.parametrize(
    ("name", "argument", "value", "says"),
    [
        ("tcn_forecaster", "deviation", 0, "above 0"),
        ("tcn_forecaster", "quantiles", 0, "1 or above"),
        ("tcn_forecaster", "input_shape", (None, 1), "input_shape[0]"),
        ("anchor_free_detector", "head_blocks", 0, "1 or above"),
        ("anchor_free_detector", "input_shape", [None, None, 3], "input_shape[0]"),
        ("segmenter", "input_shape", (32, 31, 3), "`input_shape[1]` must be an integer of 32"),
        ("cifar_resnet", "blocks", 0, "1 or above"),
        ("cifar_resnet", "filters", [], "a list of 1 or more"),
        ("cifar_resnet", "input_shape", (None, None, None), "input_shape[2]"),
        ("text_cnn", "kernel_sizes", [], "a list of 1 or more"),
        ("text_lstm", "input_shape", (None,), "input_shape[0]"),
        ("translator", "blocks", 0, "1 or above"),
        ("small_cnn", "dropout", 1.0, "below 1"),
        ("small_cnn", "filters", [2] * 6, "6 of them, input_shape=(32, 32, 3)"),
        ("small_cnn", "input_shape", (28, 28), "(height, width, channels)"),
        ("text_cnn", "input_shape", (8, 1), "(words,)"),
        ("sequence_cnn", "kernel_sizes", [3], "as many as `filters`"),
        ("small_mobilenet", "stages", [[1, 16, 1]], "expansion, filters, blocks, strides"),
        ("efficientnet_lite", "resize_to", [96], "height and width"),
        ("linear", "mean", [1.0], "each of the 2 features"),
        ("linear", "variance", [1.0, -1.0], "at least 0"),
        ("ctc_cnn", "rate", 79, "80 or above"),
    ],
)
def test_what_is_just_out_of_range_is_refused(name, argument, value, says):
    message = refused(name, **{argument: value})
    assert says in message
    assert f"`{argument}" in message


def test_another_cell_is_told_its_name():
    assert refused("sequence_rnn", UnknownNameError, cell="LSTM") == (
        "Unknown cell 'LSTM'. Did you mean 'lstm'?"
    )


def test_numpys_integers_will_do():
    build = models.builders()["observation_mlp"]
    model = build((np.int64(4),), np.int32(2), hidden_units=np.array([3]))
    assert model.output_shape == (None, 2)
    assert build([4], [2, np.int64(5)], hidden_units=[]).output_shape == (None, 2, 5)


def test_open_sizes_stay_open():
    build = models.builders()
    assert build["small_mobilenet"]((None, None, 3), 3).input_shape == (None, None, None, 3)
    assert build["text_cnn"]((None,), 3, vocabulary_size=9, filters=2).input_shape == (None, None)
