"""A small convolutional network for sequences of numbers."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import layers

from kerazoo.argument_checks import check_integers
from kerazoo.errors import ConfigError
from kerazoo.models._arguments import check_counts, check_dropped, check_shape
from kerazoo.models._head import classifier_head


def sequence_cnn(
    input_shape: Sequence[int],
    num_classes: int,
    filters: Sequence[int] = (25, 25, 25),
    kernel_sizes: Sequence[int] = (5, 3, 3),
    strides: int = 2,
    dropout: float = 0.0,
    classifier_activation: str | None = None,
) -> keras.Model:
    """Convolutions with strides over time, flattened, dropout, a dense head.

    With its defaults the network of Greydanus and Kobak 2020, arXiv:2011.14439: 5,210 weights for
    40 steps. Convolutions run over one axis of an image of height 1, which the integer kernels of
    TFLite, and the tools that make a model small, know best.

    Args:
        input_shape: (steps, features); floats of about mean 0 and variance 1.
        num_classes: width of the output, `(batch, num_classes)` logits.
        filters: of each convolution, 1 or more.
        kernel_sizes: steps that each sees at once, 1 or more; as many as `filters`.
        strides: steps between two outputs of a convolution, 1 or more.
        dropout: fraction of the features dropped in training before the head, 0 to below 1.
        classifier_activation: such as "softmax"; None leaves logits.
    """
    check_counts(num_classes=num_classes, strides=strides)
    check_dropped(dropout=dropout)
    filters = check_integers("filters", filters)
    kernel_sizes = check_integers("kernel_sizes", kernel_sizes)
    if len(filters) != len(kernel_sizes):
        raise ConfigError(
            f"`kernel_sizes` must be as many as `filters`. Received: kernel_sizes={kernel_sizes}, "
            f"filters={filters}."
        )
    shape = check_shape(input_shape, "steps", "features")
    inputs = keras.Input(shape, name="sequence")
    x = layers.Reshape((1, *shape), name="one_row")(inputs)
    for number, (width, size) in enumerate(zip(filters, kernel_sizes, strict=True), start=1):
        x = layers.Conv2D(
            width,
            (1, size),
            strides=(1, strides),
            padding="same",
            activation="relu",
            name=f"conv_{number}",
        )(x)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dropout(dropout, name="dropout")(x)
    return keras.Model(inputs, classifier_head(x, num_classes, classifier_activation))
