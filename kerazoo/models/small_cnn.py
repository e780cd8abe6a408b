"""A small convolutional network for small images, after LeNet."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import layers

from kerazoo.argument_checks import check_integers
from kerazoo.errors import ConfigError
from kerazoo.models._arguments import check_counts, check_dropped, check_shape
from kerazoo.models._head import classifier_head


def small_cnn(
    input_shape: Sequence[int],
    num_classes: int,
    filters: Sequence[int] = (32, 64),
    kernel_size: int = 5,
    dense_units: int = 1024,
    dropout: float = 0.5,
    classifier_activation: str | None = None,
) -> keras.Model:
    """Convolution and pooling for each of `filters`, one dense layer, dropout, a dense head.

    With its defaults the network of TensorFlow's classic "Deep MNIST for Experts" tutorial, itself
    after LeNet-5 (LeCun et al. 1998, doi:10.1109/5.726791): 3.3 million weights for 28x28x1.

    Args:
        input_shape: (height, width, channels); pixels 0..255 in.
        num_classes: width of the output, `(batch, num_classes)` logits.
        filters: convolution widths, 1 or more; each block halves height and width.
        kernel_size: pixels per side of every convolution, 1 or more.
        dense_units: width of the hidden dense layer, 1 or more.
        dropout: fraction of its outputs dropped in training, 0 to below 1.
        classifier_activation: such as "softmax"; None leaves logits.
    """
    check_counts(num_classes=num_classes, kernel_size=kernel_size, dense_units=dense_units)
    check_dropped(dropout=dropout)
    filters = check_integers("filters", filters)
    shape = check_shape(input_shape, "height", "width", "channels")
    if min(shape[:2]) < 2 ** len(filters):
        raise ConfigError(
            f"`filters` must not halve the image to nothing. Received: {len(filters)} of them, "
            f"input_shape={shape}."
        )
    inputs = keras.Input(shape, name="image")
    x = layers.Rescaling(1 / 255, name="scale")(inputs)
    for block, width in enumerate(filters, start=1):
        x = layers.Conv2D(
            width, kernel_size, padding="same", activation="relu", name=f"conv_{block}"
        )(x)
        x = layers.MaxPooling2D(name=f"pool_{block}")(x)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(dense_units, activation="relu", name="dense")(x)
    x = layers.Dropout(dropout, name="dropout")(x)
    return keras.Model(inputs, classifier_head(x, num_classes, classifier_activation))
